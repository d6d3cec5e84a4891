// Counts the system calls that concern files below one directory; makes them fail, or kills the process at one.
//
// Loaded by LD_PRELOAD. What it does is told through a file that FAULT_CONTROL names and that is mapped by us and by
// the test (support/fault_shim.py has the same layout), so a fault begins and ends between two calls, and forked
// children obey too. Without that variable every call is passed on.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum Class { kCreate, kOpen, kWrite, kRead, kRename, kUnlink, kSync, kMakeDirectory, kTimes, kMode, kClose, kClasses };

enum { kDirectoryBytes = 1024, kDescriptors = 65536 };

struct Control {
  _Atomic uint64_t calls;            // so far, of all classes
  _Atomic uint64_t kill_at;          // the call that is the last one; 0 for none
  _Atomic uint64_t kill_after;       // whether that call is still done
  _Atomic uint64_t failing;          // bit of each class whose calls fail
  _Atomic uint64_t error;            // with which errno
  _Atomic uint64_t fail_from;        // calls before that are done
  _Atomic uint64_t fail_to;          // and calls after that
  _Atomic uint64_t failed;           // how many failed
  _Atomic uint64_t write_bytes_max;  // most bytes that one write takes; 0 for no limit
  _Atomic uint64_t shortened;        // how many writes took less than they were given
  _Atomic uint64_t by_class[kClasses];
  char directory[kDirectoryBytes];  // absolute, without a slash at its end
};

static struct Control* control;
static atomic_uchar is_ours[kDescriptors];

__attribute__((constructor)) static void map_control(void) {
  const char* path = getenv("FAULT_CONTROL");
  if (path == NULL) return;
  int (*real_open)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open64");
  const int descriptor = real_open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) abort();
  void* mapped = mmap(NULL, sizeof(struct Control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) abort();
  control = mapped;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_below(const char* path) {
  if (control == NULL || path == NULL) return 0;
  const size_t length = strnlen(control->directory, kDirectoryBytes);
  return length > 0 && strncmp(path, control->directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int is_below_at(int directory, const char* path) {
  if (path != NULL && path[0] == '/') return is_below(path);
  return control != NULL && directory >= 0 && directory < kDescriptors && is_ours[directory];
}

static int concerns(int descriptor) {
  return control != NULL && descriptor >= 0 && descriptor < kDescriptors && is_ours[descriptor];
}

static int remember(int descriptor) {
  if (descriptor >= 0 && descriptor < kDescriptors) is_ours[descriptor] = 1;
  return descriptor;
}

// Before a call: its number, or 0 where it has to fail, and errno says how.
static uint64_t enter(enum Class class) {
  const uint64_t number = atomic_fetch_add(&control->calls, 1) + 1;
  atomic_fetch_add(&control->by_class[class], 1);
  if (number == control->kill_at && !control->kill_after) die();
  const int fails = (control->failing >> class) & 1;
  if (fails && number >= control->fail_from && number <= control->fail_to) {
    atomic_fetch_add(&control->failed, 1);
    errno = (int)control->error;
    return 0;
  }
  return number;
}

// After a call.
static void leave(uint64_t number) {
  if (number != 0 && number == control->kill_at && control->kill_after) die();
}

#define REAL(result, name, ...)       \
  static result (*real)(__VA_ARGS__); \
  if (real == NULL) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define COUNTED(condition, class, type, failure, call) \
  if (!(condition)) return call;                       \
  const uint64_t number = enter(class);                \
  if (number == 0) return failure;                     \
  const type result = call;                            \
  leave(number);                                       \
  return result

static enum Class opening(int flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY ? kCreate : kOpen;
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                          \
  int name(const char* path, int flags, ...) {                              \
    REAL(int, name, const char*, int, ...);                                 \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    const mode_t mode = mode_of(flags, rest);                               \
    va_end(rest);                                                           \
    if (!is_below(path)) return real(path, flags, mode);                    \
    COUNTED(1, opening(flags), int, -1, remember(real(path, flags, mode))); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                   \
  int name(int directory, const char* path, int flags, ...) {                          \
    REAL(int, name, int, const char*, int, ...);                                       \
    va_list rest;                                                                      \
    va_start(rest, flags);                                                             \
    const mode_t mode = mode_of(flags, rest);                                          \
    va_end(rest);                                                                      \
    if (!is_below_at(directory, path)) return real(directory, path, flags, mode);      \
    COUNTED(1, opening(flags), int, -1, remember(real(directory, path, flags, mode))); \
  }
OPENAT(openat)
OPENAT(openat64)

DIR* opendir(const char* path) {
  REAL(DIR*, opendir, const char*);
  if (!is_below(path)) return real(path);
  const uint64_t number = enter(kOpen);
  if (number == 0) return NULL;
  DIR* const result = real(path);
  leave(number);
  return result;
}

ssize_t write(int descriptor, const void* data, size_t size) {
  REAL(ssize_t, write, int, const void*, size_t);
  if (concerns(descriptor) && control->write_bytes_max != 0 && size > control->write_bytes_max) {
    size = control->write_bytes_max;
    atomic_fetch_add(&control->shortened, 1);
  }
  COUNTED(concerns(descriptor), kWrite, ssize_t, -1, real(descriptor, data, size));
}

#define PWRITE(name, offset_type)                                                             \
  ssize_t name(int descriptor, const void* data, size_t size, offset_type offset) {           \
    REAL(ssize_t, name, int, const void*, size_t, offset_type);                               \
    COUNTED(concerns(descriptor), kWrite, ssize_t, -1, real(descriptor, data, size, offset)); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec*, int);
  COUNTED(concerns(descriptor), kWrite, ssize_t, -1, real(descriptor, parts, count));
}

ssize_t read(int descriptor, void* data, size_t size) {
  REAL(ssize_t, read, int, void*, size_t);
  COUNTED(concerns(descriptor), kRead, ssize_t, -1, real(descriptor, data, size));
}

#define PREAD(name, offset_type)                                                             \
  ssize_t name(int descriptor, void* data, size_t size, offset_type offset) {                \
    REAL(ssize_t, name, int, void*, size_t, offset_type);                                    \
    COUNTED(concerns(descriptor), kRead, ssize_t, -1, real(descriptor, data, size, offset)); \
  }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

int rename(const char* from, const char* to) {
  REAL(int, rename, const char*, const char*);
  COUNTED(is_below(from) || is_below(to), kRename, int, -1, real(from, to));
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) {
  REAL(int, renameat, int, const char*, int, const char*);
  COUNTED(is_below_at(from_directory, from) || is_below_at(to_directory, to), kRename, int, -1,
          real(from_directory, from, to_directory, to));
}

int link(const char* from, const char* to) {
  REAL(int, link, const char*, const char*);
  COUNTED(is_below(from) || is_below(to), kRename, int, -1, real(from, to));
}

int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) {
  REAL(int, linkat, int, const char*, int, const char*, int);
  COUNTED(is_below_at(from_directory, from) || is_below_at(to_directory, to), kRename, int, -1,
          real(from_directory, from, to_directory, to, flags));
}

int unlink(const char* path) {
  REAL(int, unlink, const char*);
  COUNTED(is_below(path), kUnlink, int, -1, real(path));
}

int unlinkat(int directory, const char* path, int flags) {
  REAL(int, unlinkat, int, const char*, int);
  COUNTED(is_below_at(directory, path), kUnlink, int, -1, real(directory, path, flags));
}

int fsync(int descriptor) {
  REAL(int, fsync, int);
  COUNTED(concerns(descriptor), kSync, int, -1, real(descriptor));
}

int fdatasync(int descriptor) {
  REAL(int, fdatasync, int);
  COUNTED(concerns(descriptor), kSync, int, -1, real(descriptor));
}

int mkdir(const char* path, mode_t mode) {
  REAL(int, mkdir, const char*, mode_t);
  COUNTED(is_below(path), kMakeDirectory, int, -1, real(path, mode));
}

int mkdirat(int directory, const char* path, mode_t mode) {
  REAL(int, mkdirat, int, const char*, mode_t);
  COUNTED(is_below_at(directory, path), kMakeDirectory, int, -1, real(directory, path, mode));
}

int utimensat(int directory, const char* path, const struct timespec times[2], int flags) {
  REAL(int, utimensat, int, const char*, const struct timespec*, int);
  COUNTED(is_below_at(directory, path), kTimes, int, -1, real(directory, path, times, flags));
}

int futimens(int descriptor, const struct timespec times[2]) {
  REAL(int, futimens, int, const struct timespec*);
  COUNTED(concerns(descriptor), kTimes, int, -1, real(descriptor, times));
}

int chmod(const char* path, mode_t mode) {
  REAL(int, chmod, const char*, mode_t);
  COUNTED(is_below(path), kMode, int, -1, real(path, mode));
}

int fchmod(int descriptor, mode_t mode) {
  REAL(int, fchmod, int, mode_t);
  COUNTED(concerns(descriptor), kMode, int, -1, real(descriptor, mode));
}

int fchmodat(int directory, const char* path, mode_t mode, int flags) {
  REAL(int, fchmodat, int, const char*, mode_t, int);
  COUNTED(is_below_at(directory, path), kMode, int, -1, real(directory, path, mode, flags));
}

#define TRUNCATE(name, offset_type)                                         \
  int name(int descriptor, offset_type size) {                              \
    REAL(int, name, int, offset_type);                                      \
    COUNTED(concerns(descriptor), kWrite, int, -1, real(descriptor, size)); \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int close(int descriptor) {
  REAL(int, close, int);
  if (!concerns(descriptor)) return real(descriptor);
  // Never made to fail: Linux has closed the descriptor whatever it answers.
  const uint64_t number = enter(kClose);
  is_ours[descriptor] = 0;
  const int result = real(descriptor);
  leave(number);
  return result;
}
