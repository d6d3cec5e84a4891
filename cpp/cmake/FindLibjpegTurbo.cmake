# JPEG::JPEG, made sure to be libjpeg-turbo: the fast one, and the one whose API we are tested with.
set(_stillcast_jpeg_help
    "stillcast needs libjpeg-turbo with its headers. Install it:\n"
    "  Debian, Ubuntu  apt-get install libjpeg62-turbo-dev   (Ubuntu: libjpeg-turbo8-dev)\n"
    "  Fedora          dnf install libjpeg-turbo-devel\n"
    "  macOS           brew install jpeg-turbo   (and CMAKE_PREFIX_PATH=$(brew --prefix jpeg-turbo))")
list(JOIN _stillcast_jpeg_help "" _stillcast_jpeg_help)

find_package(JPEG)
if(NOT JPEG_FOUND)
  message(FATAL_ERROR "${_stillcast_jpeg_help}")
endif()

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES JPEG::JPEG)
check_cxx_source_compiles(
  "#include <cstdio>
   #include <jpeglib.h>
   #if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2001000
   #error not libjpeg-turbo 2.1 or newer
   #endif
   int main() { return 0; }"
  STILLCAST_JPEG_IS_TURBO)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT STILLCAST_JPEG_IS_TURBO)
  message(FATAL_ERROR "${JPEG_LIBRARIES} is not libjpeg-turbo 2.1 or newer.\n${_stillcast_jpeg_help}")
endif()
