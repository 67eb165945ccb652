#include "services/runtime/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace strata::runtime {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

// The number in a file of one number; kUnknown for "max" and where there is no such file.
int64_t ReadNumber(const std::string& path) {
  std::ifstream stream(path);
  int64_t number = 0;
  return stream >> number ? number : kUnknown;
}

// The number behind `key` in a file of "key number" lines; 0 where there is none.
int64_t ReadKey(const std::string& path, const std::string& key) {
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind(key, 0) != 0) continue;
    return std::strtoll(line.c_str() + key.size(), nullptr, 10);
  }
  return 0;
}

// What one cgroup leaves. `cache`: what its files' pages take that are not in use.
int64_t Left(int64_t limit, int64_t used, int64_t cache) {
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  return std::max<int64_t>(0, limit - std::max<int64_t>(0, used - cache));
}

// This process's cgroup of version 2 and all above it; in a container the path may not be visible,
// and then the root stands for it.
int64_t CgroupLeft() {
  const std::string root = "/sys/fs/cgroup";
  std::string path;
  std::ifstream stream("/proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  int64_t left = Left(ReadNumber(root + "/memory/memory.limit_in_bytes"),  // version 1
                      ReadNumber(root + "/memory/memory.usage_in_bytes"),
                      ReadKey(root + "/memory/memory.stat", "total_inactive_file "));
  while (true) {
    const std::string folder = path == "/" ? root : root + path;
    left = std::min(left,
                    Left(ReadNumber(folder + "/memory.max"), ReadNumber(folder + "/memory.current"),
                         ReadKey(folder + "/memory.stat", "inactive_file ")));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || path.size() <= 1) return left;
    path.resize(slash);
  }
}

}  // namespace

int64_t AvailableMemoryBytes() {
  const int64_t kilobytes = ReadKey("/proc/meminfo", "MemAvailable:");
  const int64_t machine = kilobytes > 0 ? kilobytes * 1024 : kUnknown;
  return std::min(machine, CgroupLeft());
}

}  // namespace strata::runtime
