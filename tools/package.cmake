# `cpack -G DEB`: one Debian package of all that `cmake --install` installs. What it depends on is found out from the
# programs themselves (dpkg-shlibdeps). A device's driver is any OpenCL driver; PoCL computes on the CPU where there is
# no other, and is what gets installed unless there is one.
set(CPACK_PACKAGE_NAME ijepa-cl)
set(CPACK_PACKAGE_CONTACT "ijepa-cl developers <ijepa-cl@invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "I-JEPA self-supervised training on any OpenCL device")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "I-JEPA learns from images without labels: from the visible part of an image\na predictor guesses the features of other parts. This is its training, and\nthe use of what it has learnt, as one program that runs on GPUs of every\nvendor and on CPUs through OpenCL, and a library with which other programs\ncompute features of images.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, pkg-config")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What Debian's policy asks of a package with a shared library: the loader's cache is renewed, and packages of programs
# that use the library find out what to depend on.
file(WRITE ${PROJECT_BINARY_DIR}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/package_compress.cmake)
include(CPack)
