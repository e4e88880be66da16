//! Images as files, for results that refer to them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use streamsdk::{EncodedImage, OutputError};
use thiserror::Error;
use url::Url;

use crate::record::Place;

const ENDING: &str = ".jpg";
/// A file counts in whole blocks, as it takes them on most disks: many small ones have no room without an end either.
const BLOCK_BYTES: u64 = 4096;
/// A file that is being written has it in addition.
const UNFINISHED: &str = ".part";

/// Keeps the images of one stream's results as files, and says where they are: for results that shall be small, but whose
/// images are worth keeping. The oldest go where all would take more than [`ImageFolder::max_bytes`].
///
/// A file has the place of its result and its number in it, `EPOCH-SEQUENCE-NUMBER.jpg`, and is there as a whole or not at
/// all. It is what the server sent: nobody has looked whether it is a JPEG. It is there before its result is delivered, and may
/// be gone when that is read. Files with other names are left alone.
#[derive(Debug)]
pub struct ImageFolder {
    folder: PathBuf,
    base: String,
    max_bytes: u64,
    /// What is there. `None` before anybody has looked.
    kept: Mutex<Option<Kept>>,
}

/// An image that could not be kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageFolderError {
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no image.
    #[error(transparent)]
    NoImage(#[from] OutputError),
}

/// The sizes of files, the oldest first.
#[derive(Debug, Default)]
struct Kept {
    files: BTreeMap<FileName, u64>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FileName {
    place: Place,
    number: usize,
}

impl ImageFolder {
    /// Files go to that folder, which is made if there is none. It is for this stream alone.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        // Fails for an empty path, and where the current folder is gone.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let base = Url::from_directory_path(&folder).map(String::from).unwrap_or_default();
        Self { folder, base, max_bytes: 1 << 30, kept: Mutex::new(None) }
    }

    /// What URLs begin with, where the folder can be reached in another way: `https://cameras.example/gate`. Default is the
    /// folder as a `file:` URL.
    #[must_use]
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        if !self.base.ends_with('/') {
            self.base.push('/');
        }
        self
    }

    /// How many bytes the files may have together, each rounded up to 4 KiB. The oldest go when there are more; those of
    /// the result that is saved stay, however large they are. Default is 1 GiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Writes the images of a result, and says the URL of each. Blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// [`ImageFolderError`] in the place of an image that is not kept.
    pub fn save(
        &self,
        place: Place,
        images: &[EncodedImage],
    ) -> Vec<Result<String, ImageFolderError>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_with(|| Kept::found_in(&self.folder));
        let save = |(number, image): (usize, &EncodedImage)| {
            let name = FileName { place, number };
            let jpeg = image.jpeg()?;
            self.write(name, &jpeg).map_err(|(path, source)| {
                // What has been written of it is no use.
                let _ = fs::remove_file(&path);
                ImageFolderError::Write { path, source }
            })?;
            kept.add(name, jpeg.len() as u64);
            Ok(format!("{}{name}", self.base))
        };
        let saved = images.iter().enumerate().map(save).collect();
        while let Some(name) = kept.take_oldest_beyond(self.max_bytes, place) {
            // Somebody else may have taken it away.
            let _ = fs::remove_file(self.folder.join(name.to_string()));
        }
        saved
    }

    fn write(&self, name: FileName, jpeg: &Bytes) -> Result<(), (PathBuf, io::Error)> {
        let path = self.folder.join(name.to_string());
        let unfinished = self.folder.join(format!("{name}{UNFINISHED}"));
        let written = match fs::write(&unfinished, jpeg) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.folder).and_then(|()| fs::write(&unfinished, jpeg))
            }
            written => written,
        };
        written.and_then(|()| fs::rename(&unfinished, path)).map_err(|error| (unfinished, error))
    }
}

impl Kept {
    /// What cannot be looked at is not there: writing will tell what is wrong.
    fn found_in(folder: &Path) -> Self {
        let mut kept = Self::default();
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (name, about) = (file.file_name(), file.metadata());
            let Some(name) = name.to_str() else { continue };
            if name.strip_suffix(UNFINISHED).and_then(FileName::read).is_some() {
                // Of a program that was killed.
                let _ = fs::remove_file(file.path());
            }
            if let (Some(name), Ok(about)) = (FileName::read(name), about) {
                kept.add(name, about.len());
            }
        }
        kept
    }

    fn add(&mut self, name: FileName, length: u64) {
        let bytes = length.max(1).next_multiple_of(BLOCK_BYTES);
        let before = self.files.insert(name, bytes).unwrap_or(0);
        self.bytes = self.bytes - before + bytes;
    }

    /// The oldest where there is more than that; never one of the result at `place`, which is still to be delivered.
    fn take_oldest_beyond(&mut self, max_bytes: u64, place: Place) -> Option<FileName> {
        if self.bytes <= max_bytes {
            return None;
        }
        let oldest = *self.files.keys().find(|name| name.place != place)?;
        self.bytes -= self.files.remove(&oldest)?;
        Some(oldest)
    }
}

impl FileName {
    fn read(name: &str) -> Option<Self> {
        let mut numbers = name.strip_suffix(ENDING)?.splitn(3, '-');
        let (epoch, sequence) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        let read = Self { place: Place { epoch, sequence }, number: numbers.next()?.parse().ok()? };
        // Not `+1-2-3.jpg`, which nobody here has written.
        (read.to_string() == name).then_some(read)
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}{ENDING}", self.place, self.number)
    }
}

#[cfg(test)]
mod tests {
    use streamsdk::Limits;
    use streamsdk_protocol::Redactor;
    use streamsdk_protocol::chunk::ChunkedMessage;
    use streamsdk_protocol::output::OutputMessage;

    use super::*;

    /// Four bytes.
    const IMAGE: &str = "/9j/4A==";

    fn images(base64: &[&str]) -> Vec<EncodedImage> {
        let images: Vec<_> = base64
            .iter()
            .map(|value| format!(r#"{{"type":"base64","value":"{value}"}}"#))
            .collect();
        let payload = format!(r#"{{"serialized_output_data":{{"i":[{}]}}}}"#, images.join(","));
        let message = ChunkedMessage { frame_id: 1, payload: payload.into() };
        let read = OutputMessage::parse(message, &Limits::default(), &Redactor::default());
        read.unwrap().outputs.unwrap().get("i").unwrap().all_images()
    }

    fn place(sequence: u64) -> Place {
        Place { epoch: 1, sequence }
    }

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn each_image_is_where_its_url_says() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a b");
        let saved = ImageFolder::new(&folder).save(place(7), &images(&[IMAGE, IMAGE]));
        for (saved, name) in saved.into_iter().zip(["1-7-0.jpg", "1-7-1.jpg"]) {
            let url = Url::parse(&saved.unwrap()).unwrap();
            assert_eq!(url.to_file_path().unwrap(), folder.join(name));
            assert_eq!(fs::read(folder.join(name)).unwrap(), [0xff, 0xd8, 0xff, 0xe0]);
        }
        assert_eq!(names(&folder), ["1-7-0.jpg", "1-7-1.jpg"]);
        let elsewhere = ImageFolder::new(&folder).base_url("https://example.com/gate");
        let saved = elsewhere.save(place(8), &images(&[IMAGE]));
        assert_eq!(saved[0].as_deref().unwrap(), "https://example.com/gate/1-8-0.jpg");
    }

    #[test]
    fn the_oldest_go_also_those_of_an_earlier_run_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path();
        let unfinished = "1-10-1.jpg.part";
        for name in ["1-9-0.jpg", "1-10-0.jpg", unfinished, "+1-9-0.jpg", "1-9-0.png", "mine.jpg"] {
            fs::write(folder.join(name), "1234").unwrap();
        }
        let bounded = ImageFolder::new(folder).max_bytes(2 * BLOCK_BYTES);
        bounded.save(place(11), &images(&[IMAGE])).remove(0).unwrap();
        let others = ["+1-9-0.jpg", "1-10-0.jpg", "1-11-0.jpg", "1-9-0.png", "mine.jpg"];
        assert_eq!(names(folder), others);
        // The same result once more takes no more room.
        bounded.save(place(11), &images(&[IMAGE])).remove(0).unwrap();
        assert_eq!(names(folder), others);
        let tight = ImageFolder::new(folder).max_bytes(1);
        tight.save(place(12), &images(&[IMAGE])).remove(0).unwrap();
        assert_eq!(names(folder), ["+1-9-0.jpg", "1-12-0.jpg", "1-9-0.png", "mine.jpg"]);
    }

    #[test]
    fn the_images_of_one_result_do_not_push_each_other_out() {
        let parent = tempfile::tempdir().unwrap();
        let folder = ImageFolder::new(parent.path()).max_bytes(BLOCK_BYTES);
        // The second is older than the first: a clock was put back.
        for (sequence, expected) in
            [(7, ["1-7-0.jpg", "1-7-1.jpg"]), (5, ["1-5-0.jpg", "1-5-1.jpg"])]
        {
            let saved = folder.save(place(sequence), &images(&[IMAGE, IMAGE]));
            assert!(saved.iter().all(Result::is_ok), "{saved:?}");
            assert_eq!(names(parent.path()), expected);
        }
    }

    #[test]
    fn what_cannot_be_kept_is_told_and_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = ImageFolder::new(parent.path());
        let saved = folder.save(place(1), &images(&["%%%", IMAGE]));
        assert!(matches!(saved[0], Err(ImageFolderError::NoImage(_))), "{saved:?}");
        assert!(saved[1].is_ok());

        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let saved = ImageFolder::new(file.join("folder")).save(place(1), &images(&[IMAGE]));
        assert!(matches!(saved[0], Err(ImageFolderError::Write { .. })), "{saved:?}");
    }
}
