#pragma once
#include <functional>
#include <string>

namespace spikeloop {

/// Whether a name has this ending.
bool ends_with(const std::string& text, const std::string& end);

/// Whole file as bytes. Throws InputError (file, "open", ...) when it cannot be read.
std::string read_file(const std::string& path);

/// Calls `write` with a temporary name beside `path`, then syncs and renames it to `path`, so that no reader
/// ever sees half a file. The temporary file is removed when `write` throws. Throws InputError when the
/// folder is absent or not writable.
void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write);

/// Writes `text` through write_atomically.
void write_file(const std::string& path, const std::string& text);

}  // namespace spikeloop
