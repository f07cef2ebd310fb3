// The recording's folder: the files of one prefix, their numbers, and which of them are kept.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "config.h"
#include "types.h"

namespace sniffer {

// Of the system, with what to do about it.
class FolderError : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

class RecordingFolder {
 public:
    RecordingFolder(const RecordingConfig& config, std::string suffix);
    ~RecordingFolder();
    RecordingFolder(const RecordingFolder&) = delete;
    RecordingFolder& operator=(const RecordingFolder&) = delete;

    // Opens and locks the folder and reads what is there. Throws FolderError.
    void open();
    void close();
    // Still the folder that its path names?
    bool there() const;

    int fd() const { return fd_; }
    std::string open_name() const { return config_.prefix + suffix_; }
    std::string numbered_name(uint64_t sequence) const;
    std::string path(const std::string& name) const { return config_.directory + "/" + name; }
    uint64_t last_sequence() const { return last_sequence_; }
    uint64_t limit() const { return limit_; }  // bytes of all files, what compressing needs left out
    uint64_t rotate_bytes() const { return rotate_bytes_; }

    // A new file for writing. Throws FolderError.
    int create() const;
    // Deletes the open file. Throws FolderError.
    void discard() const;
    // Gives the open file its number. Throws FolderError; never replaces a file.
    void number(uint64_t sequence, uint64_t bytes, Nanos last);
    // The numbered file is now called `name` and has so many bytes. False: it was deleted meanwhile.
    bool replace(uint64_t sequence, const std::string& name, uint64_t bytes);
    // Deletes the oldest numbered files until `more` bytes fit. Returns how many.
    size_t make_room(uint64_t more, Nanos now);
    // The names of all numbered files, by their numbers.
    std::map<uint64_t, std::string> files();
    [[noreturn]] void fail(const std::string& what, int error) const;

 private:
    struct File {
        std::string name;
        uint64_t bytes;
        Nanos last;
    };
    void lock();
    void read_names();
    std::string discarded_name() const { return "." + config_.prefix + ".discarded.part"; }
    bool rename_open(const std::string& name) const;
    bool over(uint64_t more, Nanos now) const;

    const RecordingConfig& config_;
    const std::string suffix_;
    int fd_ = -1, lock_fd_ = -1;
    uint64_t last_sequence_ = 0, limit_ = 0, rotate_bytes_ = 0;
    std::mutex mutex_;
    std::map<uint64_t, File> files_;
    uint64_t total_ = 0;
};

// The number of a file of this prefix; 0 where the name is another's or not numbered.
uint64_t sequence_of(const std::string& name, const std::string& prefix, const std::string& suffix);

}  // namespace sniffer
