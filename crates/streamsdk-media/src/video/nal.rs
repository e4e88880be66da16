use std::iter;

use memchr::memmem;

const START_CODE: [u8; 3] = [0, 0, 1];

/// The NAL units of H264 data, each of which follows a start code (Annex B of ITU-T H.264).
///
/// None is empty. Zeros at the end of one belong to the padding before the next.
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memmem::find_iter(data, &START_CODE).peekable();
    let units = iter::from_fn(move || {
        let start = starts.next()? + START_CODE.len();
        Some(&data[start..starts.peek().copied().unwrap_or(data.len())])
    });
    units.filter(|unit| !unit.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_is_between_start_codes() {
        let units = |data: &'static [u8]| nal_units(data).collect::<Vec<_>>();
        assert_eq!(units(&[9, 0, 0, 1, 7, 0, 0, 0, 1, 5, 3]), [&[7, 0][..], &[5, 3]]);
        assert_eq!(units(&[0, 0, 1, 0, 0, 1, 1, 0, 0, 1]), [&[1][..]]);
        assert!(units(&[0, 0, 2, 0, 0]).is_empty() && units(&[]).is_empty());
    }
}
