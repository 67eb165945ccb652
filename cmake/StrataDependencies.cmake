# Outside libraries. Debian's packages for all but LibTorch, which comes from the PyPI wheel
# (scripts/setup) or from STRATA_TORCH_ROOT.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ICU 72 REQUIRED COMPONENTS uc i18n data)
find_package(EXPAT REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(hwy REQUIRED)
find_package(simdjson REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_library(STRATA_MD4C_LIBRARY md4c REQUIRED)  # the package config names a program that -dev lacks
find_library(STRATA_GUMBO_LIBRARY gumbo REQUIRED)
find_library(STRATA_SENTENCEPIECE_LIBRARY sentencepiece REQUIRED)
find_library(STRATA_ZIP_LIBRARY zip REQUIRED)
find_library(STRATA_SNAPPY_LIBRARY snappy REQUIRED)
find_path(STRATA_HNSWLIB_FOLDER hnswlib/hnswlib.h REQUIRED)  # headers only
find_library(STRATA_SENTENCEPIECE_TRAIN_LIBRARY sentencepiece_train REQUIRED)
find_library(STRATA_SNDFILE_LIBRARY sndfile REQUIRED)
find_library(STRATA_SOXR_LIBRARY soxr REQUIRED)
find_package(JPEG REQUIRED)  # libjpeg-turbo
find_package(PNG REQUIRED)
find_package(TIFF REQUIRED)
find_package(GIF REQUIRED)
find_library(STRATA_WEBP_LIBRARY webp REQUIRED)
find_library(STRATA_WEBPDEMUX_LIBRARY webpdemux REQUIRED)
add_library(strata_image_codecs INTERFACE)
target_link_libraries(strata_image_codecs INTERFACE
  JPEG::JPEG PNG::PNG TIFF::TIFF GIF::GIF ${STRATA_WEBPDEMUX_LIBRARY} ${STRATA_WEBP_LIBRARY})
if(STRATA_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(STRATA_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()

# Debian's libsentencepiece exports its own, older copy of protobuf. Ours is therefore linked from
# the static archive and kept out of the dynamic symbol table, so that neither sees the other's.
find_library(STRATA_PROTOBUF_ARCHIVE libprotobuf.a REQUIRED)
find_library(STRATA_GRPC_REFLECTION_ARCHIVE libgrpc++_reflection.a REQUIRED)
find_library(STRATA_GRPC_ERROR_DETAILS_ARCHIVE libgrpc++_error_details.a REQUIRED)
add_library(strata_protobuf INTERFACE)
target_link_libraries(strata_protobuf INTERFACE ${STRATA_PROTOBUF_ARCHIVE} ZLIB::ZLIB Threads::Threads)
target_link_options(strata_protobuf INTERFACE -Wl,--exclude-libs,ALL)
add_library(strata_grpcpp INTERFACE)
target_link_libraries(strata_grpcpp INTERFACE
  -Wl,--whole-archive ${STRATA_GRPC_REFLECTION_ARCHIVE} -Wl,--no-whole-archive
  ${STRATA_GRPC_ERROR_DETAILS_ARCHIVE} grpc++ grpc gpr strata_protobuf)

# LibTorch: headers behind the system's (-idirafter), because its folder carries protobuf 3.13.
if(NOT STRATA_TORCH_ROOT)
  set(STRATA_TORCH_ROOT ${CMAKE_SOURCE_DIR}/.deps/python/torch)
endif()
if(NOT EXISTS ${STRATA_TORCH_ROOT}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch at '${STRATA_TORCH_ROOT}' (lib/libtorch_cpu.so is missing). "
    "Run scripts/setup, or name yours with -DSTRATA_TORCH_ROOT=FOLDER.")
endif()
add_library(strata_torch INTERFACE)
target_compile_options(strata_torch INTERFACE
  "SHELL:-idirafter ${STRATA_TORCH_ROOT}/include"
  "SHELL:-idirafter ${STRATA_TORCH_ROOT}/include/torch/csrc/api/include")
target_link_libraries(strata_torch INTERFACE
  -Wl,--no-as-needed ${STRATA_TORCH_ROOT}/lib/libtorch_cpu.so ${STRATA_TORCH_ROOT}/lib/libc10.so
  -Wl,--as-needed)
target_link_options(strata_torch INTERFACE
  -Wl,-rpath,${STRATA_TORCH_ROOT}/lib -Wl,-rpath-link,${STRATA_TORCH_ROOT}/lib
  -Wl,--allow-shlib-undefined)
