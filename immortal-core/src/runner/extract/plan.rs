//! What is to be written where, decided before anything is.

use std::{
    collections::{BTreeMap, btree_map},
    path::{Component, Path, PathBuf},
};

use super::{Links, Unsound};

/// An entry of a zip's directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) mode: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link(PathBuf),
}

/// Paths below the root, none of which leads out of it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Directories, parents first; those that no entry names have no mode of their own.
    pub(super) directories: BTreeMap<PathBuf, Option<u32>>,
    /// How many of the directories no entry names.
    pub(super) implied: usize,
    pub(super) files: Vec<File>,
    pub(super) links: Links,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) index: usize,
    pub(super) path: PathBuf,
    pub(super) mode: u32,
}

/// What the paths of the directories that no entry names may hold together: few bytes of a zip can name many.
const LONGEST_IMPLIED: usize = 32 * 1024 * 1024;

/// Places every entry; where two have the same path, the last one stands, as `unzip` has it.
pub(super) fn plan(entries: Vec<Entry>, earlier: &Links, root: &Path) -> Result<Plan, Unsound> {
    let mut places: BTreeMap<PathBuf, Entry> = BTreeMap::new();
    for entry in entries {
        if is_too_long(&entry.name) {
            return Err(Unsound::Name(entry.name.chars().take(64).collect()));
        }
        match (confined(&entry.name), &entry.kind) {
            (Some(path), _) if !path.as_os_str().is_empty() => {
                if let btree_map::Entry::Occupied(earlier) = places.entry(path.clone())
                    && (earlier.get().kind == Kind::Directory) != (entry.kind == Kind::Directory)
                {
                    return Err(Unsound::Conflict(entry.name));
                }
                places.insert(path, entry);
            }
            // The root itself, as `./`.
            (Some(_), Kind::Directory) => {}
            _ => return Err(Unsound::Outside(entry.name)),
        }
    }
    let mut plan = Plan::default();
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
                return Err(Unsound::TooMany);
            }
        }
        match entry.kind {
            Kind::Directory => {
                plan.directories.insert(path, Some(entry.mode));
            }
            Kind::File => plan.files.push(File { index: entry.index, path, mode: entry.mode }),
            Kind::Link(target) => {
                plan.links.insert(path, target);
            }
        }
    }
    let taken = plan.files.iter().map(|file| &file.path).chain(plan.links.keys());
    if let Some(path) = taken.into_iter().find(|path| plan.directories.contains_key(*path)) {
        return Err(Unsound::Conflict(path.to_string_lossy().into_owned()));
    }
    let mut all = earlier.clone();
    for path in plan.files.iter().map(|file| &file.path) {
        all.remove(path);
    }
    all.extend(plan.links.clone());
    // Whatever lies in an earlier link's place or behind one is looked at with all links in place.
    match all.keys().find(|link| !stays_inside(link, &all, root)) {
        Some(link) => Err(Unsound::Outside(link.to_string_lossy().into_owned())),
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

/// Follows a link as the kernel would, by all links there are, and sees whether it leaves the root.
fn stays_inside(link: &Path, links: &Links, root: &Path) -> bool {
    // The kernel follows no more.
    let mut hops = 40;
    let mut at = PathBuf::new();
    let mut ahead: Vec<PathBuf> = Vec::new();
    push(&mut ahead, link);
    while let Some(part) = ahead.pop() {
        match part.components().next() {
            Some(Component::Normal(name)) => {
                at.push(name);
                if let Some(target) = links.get(&at) {
                    if hops == 0 {
                        return false;
                    }
                    hops -= 1;
                    at.pop();
                    let mut target = target.as_path();
                    if target.has_root() {
                        let Ok(inside) = target.strip_prefix(root) else { return false };
                        at = PathBuf::new();
                        target = inside;
                    }
                    push(&mut ahead, target);
                }
            }
            Some(Component::ParentDir) if !at.pop() => return false,
            Some(Component::RootDir | Component::Prefix(_)) => return false,
            Some(Component::ParentDir | Component::CurDir) | None => {}
        }
    }
    true
}

fn push(ahead: &mut Vec<PathBuf>, path: &Path) {
    let parts: Vec<_> = path.components().map(|component| PathBuf::from(component.as_os_str())).collect();
    ahead.extend(parts.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(links: &[(&str, &str)]) -> Links {
        links.iter().map(|(path, target)| (PathBuf::from(path), PathBuf::from(target))).collect()
    }

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
    fn links_are_followed_as_the_kernel_follows_them() {
        for (link, all, expected) in [
            ("a", &[("a", "b")][..], true),
            ("a", &[("a", "missing/deep/../x")], true),
            ("lib/a", &[("lib/a", "../b")], true),
            ("a", &[("a", "..")], false),
            ("a", &[("a", "/etc/passwd")], false),
            ("lib/a", &[("lib/a", "/var/task/b")], true),
            ("lib/a", &[("lib/a", "/var/task/../b")], false),
            ("lib/a", &[("lib/a", "/var/tasks")], false),
            ("lib/a", &[("lib/a", "../../b")], false),
            ("a", &[("a", "a")], false),
            ("a", &[("a", "b"), ("b", "a")], false),
            // `deep/up` is the root, and so one step up from it is out, though the text isn't.
            ("a", &[("deep/up", ".."), ("a", "deep/up/../etc")], false),
            ("a", &[("deep/down", "x/y/z"), ("a", "deep/down/../../q")], true),
            ("through/a", &[("through", "b"), ("through/a", "../..")], true),
        ] {
            let inside = stays_inside(Path::new(link), &links(all), Path::new("/var/task"));
            assert_eq!(inside, expected, "{link} in {all:?}");
        }
    }

    #[test]
    fn few_entries_cant_name_many_directories() {
        let deep = |number: u32| entry(&format!("{number}/{}b", "a/".repeat(2000)), Kind::File);
        let one = plan(vec![deep(1)], &Links::new(), Path::new("/var/task")).expect("odd, and sound");
        assert_eq!((one.implied, one.directories.len()), (2001, 2001));
        let many = plan((0..100).map(deep).collect(), &Links::new(), Path::new("/var/task"));
        assert!(matches!(many, Err(Unsound::TooMany)), "{:?}", many.map(|plan| plan.implied));
        for name in ["a/".repeat(32_767) + "b", "x".repeat(256)] {
            let refused = plan(vec![entry(&name, Kind::File)], &Links::new(), Path::new("/var/task"));
            assert!(matches!(refused, Err(Unsound::Name(_))));
        }
    }

    fn entry(name: &str, kind: Kind) -> Entry {
        Entry { index: 0, name: name.into(), kind, mode: 0o644 }
    }

    #[test]
    fn what_cant_both_be_is_refused() {
        for entries in [
            vec![entry("a", Kind::File), entry("a/b", Kind::File)],
            vec![entry("a", Kind::Link("b".into())), entry("a/b", Kind::File)],
            vec![entry("a", Kind::File), entry("a/", Kind::Directory)],
        ] {
            let result = plan(entries.clone(), &Links::new(), Path::new("/"));
            assert!(matches!(result, Err(Unsound::Conflict(_))), "{entries:?}: {result:?}");
        }
    }

    #[test]
    fn the_last_of_two_stands() {
        let entries = vec![entry("./a", Kind::File), Entry { index: 1, ..entry("a", Kind::File) }];
        let plan = plan(entries, &Links::new(), Path::new("/var/task")).expect("sound");
        assert_eq!(plan.files.iter().map(|file| file.index).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn links_of_earlier_layers_count() {
        let up = links(&[("deep/up", "..")]);
        let later = || vec![entry("a", Kind::Link("deep/up/../etc".into()))];
        assert!(plan(later(), &Links::new(), Path::new("/var/task")).is_ok());
        assert!(matches!(plan(later(), &up, Path::new("/var/task")), Err(Unsound::Outside(_))));
    }
}
