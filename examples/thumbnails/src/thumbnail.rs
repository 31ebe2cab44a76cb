//! A picture in smaller.

use image::{DynamicImage, ImageFormat, ImageReader, ImageResult, codecs::jpeg::JpegEncoder, imageops::FilterType};

/// The step from one width to the next, and the smallest width, in pixels.
const STEP: u32 = 16;
const QUALITY: u8 = 85;

/// Reads a JPEG.
pub(crate) fn decode(jpeg: &[u8]) -> ImageResult<DynamicImage> {
    ImageReader::with_format(std::io::Cursor::new(jpeg), ImageFormat::Jpeg).decode()
}

/// The widths of the thumbnails of a picture so wide.
pub(crate) fn widths(width: u32) -> Vec<u32> {
    (STEP..width).step_by(STEP as usize).collect()
}

/// A thumbnail of this width, as JPEG.
pub(crate) fn make(picture: &DynamicImage, width: u32) -> ImageResult<Vec<u8>> {
    let thumbnail = picture.resize(width, u32::MAX, FilterType::Lanczos3);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&thumbnail)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_keeps_the_pictures_shape() {
        let picture = decode(include_bytes!("../data/rocket.jpg")).expect("a JPEG");
        assert_eq!((picture.width(), picture.height(), widths(picture.width()).len()), (640, 427, 39));
        let thumbnail = decode(&make(&picture, 64).expect("it is made")).expect("a JPEG");
        assert_eq!((thumbnail.width(), thumbnail.height()), (64, 43));
        assert!(widths(STEP).is_empty());
    }
}
