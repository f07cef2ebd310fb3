// An intrusive list, least recently used first.
#pragma once

namespace sniffer {

template <typename T>
struct Links {
    T *before = nullptr, *after = nullptr;
    bool listed = false;
};

template <typename T, Links<T> T::*links>
class LruList {
 public:
    T* oldest() const { return first_; }
    T* newest() const { return last_; }
    void add(T* item) {
        Links<T>& own = item->*links;
        own = {last_, nullptr, true};
        (last_ ? (last_->*links).after : first_) = item;
        last_ = item;
    }
    void remove(T* item) {
        Links<T>& own = item->*links;
        if (!own.listed) return;
        (own.before ? (own.before->*links).after : first_) = own.after;
        (own.after ? (own.after->*links).before : last_) = own.before;
        own = {};
    }
    void touch(T* item) {
        if (item == last_) return;
        remove(item);
        add(item);
    }

 private:
    T *first_ = nullptr, *last_ = nullptr;
};

}  // namespace sniffer
