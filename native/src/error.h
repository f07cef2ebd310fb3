// The one exception of the engine: a status code of sniffer.h and its sentence.
#pragma once

#include <stdexcept>
#include <string>

#include "sniffer.h"

namespace sniffer {

class EngineError : public std::runtime_error {
 public:
    EngineError(sniffer_status status, const std::string& text) : std::runtime_error(text), status_(status) {}
    sniffer_status status() const { return status_; }

 private:
    sniffer_status status_;
};

}  // namespace sniffer
