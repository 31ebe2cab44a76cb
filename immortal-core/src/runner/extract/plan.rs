//! Decides what is written where, before anything is written.

use std::{
    collections::{BTreeMap, btree_map},
    path::{Component, Path, PathBuf},
};

use super::ExtractError;

/// An entry of a zip's directory.
#[derive(Clone, Debug)]
pub(super) struct ZipEntry {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: EntryKind,
    pub(super) mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Directory,
    Link,
}

/// Paths below the root, none of which leads out of it.
#[derive(Debug, Default)]
pub(super) struct UnpackPlan {
    /// Directories, parents first; those that no entry names have no mode of their own.
    pub(super) directories: BTreeMap<PathBuf, Option<u32>>,
    /// The number of directories that no entry names.
    pub(super) implied: usize,
    pub(super) files: Vec<PlannedFile>,
    pub(super) links: Vec<PlannedFile>,
}

/// A file or a link.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) index: usize,
    pub(super) path: PathBuf,
    pub(super) mode: u32,
}

/// What the paths of the directories that no entry names may hold together: few bytes of a zip can name many.
const LONGEST_IMPLIED: usize = 32 * 1024 * 1024;

/// Places every entry; of two with the same path the last one counts, as in `unzip`.
pub(super) fn plan(entries: Vec<ZipEntry>) -> Result<UnpackPlan, ExtractError> {
    let mut places: BTreeMap<PathBuf, ZipEntry> = BTreeMap::new();
    for entry in entries {
        if is_too_long(&entry.name) {
            return Err(ExtractError::Name(entry.name.chars().take(64).collect()));
        }
        match (confined(&entry.name), &entry.kind) {
            (Some(path), _) if !path.as_os_str().is_empty() => {
                if let btree_map::Entry::Occupied(earlier) = places.entry(path.clone())
                    && (earlier.get().kind == EntryKind::Directory) != (entry.kind == EntryKind::Directory)
                {
                    return Err(ExtractError::Conflict(entry.name));
                }
                places.insert(path, entry);
            }
            // The root itself, as `./`.
            (Some(_), EntryKind::Directory) => {}
            _ => return Err(ExtractError::Outside(entry.name)),
        }
    }
    let mut plan = UnpackPlan::default();
    let mut implied_bytes = 0;
    for (path, entry) in places {
        // The deepest first: where one is known, all above it are.
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            if plan.directories.contains_key(parent) {
                break;
            }
            plan.directories.insert(parent.to_owned(), None);
            plan.implied += 1;
            implied_bytes += parent.as_os_str().len();
            if implied_bytes > LONGEST_IMPLIED {
                return Err(ExtractError::TooMany);
            }
        }
        let leaves = match entry.kind {
            EntryKind::Directory => {
                plan.directories.insert(path, Some(entry.mode));
                continue;
            }
            EntryKind::File => &mut plan.files,
            EntryKind::Link => &mut plan.links,
        };
        leaves.push(PlannedFile { index: entry.index, path, mode: entry.mode });
    }
    let mut leaves = plan.files.iter().chain(&plan.links);
    match leaves.find(|leaf| plan.directories.contains_key(&leaf.path)) {
        Some(leaf) => Err(ExtractError::Conflict(leaf.path.to_string_lossy().into_owned())),
        None => Ok(plan),
    }
}

/// The path below the root that a name stands for, unless it leads out of it.
fn confined(name: &str) -> Option<PathBuf> {
    if name.contains('\0') {
        return None;
    }
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Linux's `PATH_MAX` and `NAME_MAX`.
fn is_too_long(name: &str) -> bool {
    name.len() >= 4096 || name.split('/').any(|part| part.len() > 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_root() {
        for (name, path) in [
            ("bootstrap", Some("bootstrap")),
            ("./lib//a.so", Some("lib/a.so")),
            ("lib/", Some("lib")),
            ("./", Some("")),
            ("a\\..\\b", Some("a\\..\\b")),
            ("...", Some("...")),
            ("../evil", None),
            ("lib/../../evil", None),
            ("lib/../ok", None),
            ("/etc/passwd", None),
            ("nul\0", None),
        ] {
            assert_eq!(confined(name), path.map(PathBuf::from), "{name:?}");
        }
    }

    #[test]
    fn few_entries_cant_name_many_directories() {
        let deep = |number: u32| entry(&format!("{number}/{}b", "a/".repeat(2000)), EntryKind::File);
        let one = plan(vec![deep(1)]).expect("odd, and sound");
        assert_eq!((one.implied, one.directories.len()), (2001, 2001));
        let many = plan((0..100).map(deep).collect());
        assert!(matches!(many, Err(ExtractError::TooMany)), "{:?}", many.map(|plan| plan.implied));
        plan(vec![entry(&"x".repeat(255), EntryKind::File)]).expect("the longest name of a file");
        for name in ["a/".repeat(32_767) + "b", "x".repeat(256)] {
            let refused = plan(vec![entry(&name, EntryKind::File)]);
            assert!(matches!(refused, Err(ExtractError::Name(_))));
        }
    }

    fn entry(name: &str, kind: EntryKind) -> ZipEntry {
        ZipEntry { index: 0, name: name.into(), kind, mode: 0o644 }
    }

    #[test]
    fn what_cant_both_be_is_refused() {
        for entries in [
            vec![entry("a", EntryKind::File), entry("a/b", EntryKind::File)],
            vec![entry("a", EntryKind::Link), entry("a/b", EntryKind::File)],
            vec![entry("a", EntryKind::File), entry("a/", EntryKind::Directory)],
        ] {
            let result = plan(entries.clone());
            assert!(matches!(result, Err(ExtractError::Conflict(_))), "{entries:?}: {result:?}");
        }
    }

    #[test]
    fn the_last_of_two_stands() {
        let entries = vec![entry("./a", EntryKind::File), ZipEntry { index: 1, ..entry("a", EntryKind::File) }];
        let plan = plan(entries).expect("sound");
        assert_eq!(plan.files.iter().map(|file| file.index).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn the_root_is_there_already_and_no_file() {
        let root = plan(vec![entry("./", EntryKind::Directory), entry("f", EntryKind::File)]).expect("sound");
        assert!(root.directories.is_empty() && root.files.len() == 1, "{root:?}");
        for kind in [EntryKind::File, EntryKind::Link] {
            let result = plan(vec![entry(".", kind)]);
            assert!(matches!(result, Err(ExtractError::Outside(_))), "{result:?}");
        }
    }
}
