// The orientation that a camera wrote into a file, and turning an image by it.
//
// Source: Exif 2.32, tag 0x0112; XMP's tiff:Orientation where there is no EXIF one.
#ifndef STRATA_MODELS_MEDIA_IMAGE_ORIENTATION_H_
#define STRATA_MODELS_MEDIA_IMAGE_ORIENTATION_H_

#include <string_view>

#include "models/media/image.h"

namespace strata::models {

// `exif`: a TIFF header and directory, with or without "Exif\0\0" in front; `xmp`: an XMP packet.
// Either may be empty. 1 (as it is) where neither says 1 … 8, or both are broken.
int OrientationOf(std::string_view exif, std::string_view xmp);

// The image as it is to be looked at. 1 or anything outside 2 … 8: unchanged.
RgbImage Turn(RgbImage image, int orientation);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_ORIENTATION_H_
