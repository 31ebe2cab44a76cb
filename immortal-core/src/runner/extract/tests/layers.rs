//! One zip after another into one directory, whose directory beside it must stay as it is.

use super::*;

/// A directory with a root for layers, and what lies beside it.
struct Layers {
    outer: tempfile::TempDir,
    budget: UnpackBudget,
}

const BESIDE: [(&str, &str); 2] = [("task/bootstrap", "the function's"), ("task/deep/file", "deep")];

impl Layers {
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(outer.path().join("task/deep")).expect("ours");
        for (name, text) in BESIDE {
            fs::write(outer.path().join(name), text).expect("ours");
        }
        Self { outer, budget: UnpackBudget::new(u64::MAX, u64::MAX) }
    }

    fn root(&self) -> PathBuf {
        self.outer.path().join("opt")
    }

    fn add(&self, bytes: &[u8]) -> Result<(), ExtractError> {
        let result = unpack_into(&self.root(), bytes, &self.budget);
        self.assert_untouched(&result);
        result
    }

    fn assert_untouched(&self, result: &Result<(), ExtractError>) {
        for (name, text) in BESIDE {
            let there = fs::read_to_string(self.outer.path().join(name));
            assert_eq!(there.ok().as_deref(), Some(text), "{name} was written or removed: {result:?}");
        }
        let count = |path: &str| fs::read_dir(self.outer.path().join(path)).expect("ours").count();
        assert_eq!((count(""), count("task"), count("task/deep")), (2, 2, 1), "something new lies outside: {result:?}");
    }
}

/// A file where the content begins with `=`, else a link, and without content a directory.
fn layer(entries: &[(&str, &str)]) -> Vec<u8> {
    zip(|writer| {
        for (name, what) in entries {
            match what.strip_prefix('=') {
                Some(content) => put(writer, name, content.as_bytes()),
                None if what.is_empty() => writer.add_directory(*name, options(0o755)).expect("memory"),
                None => link(writer, name, what),
            }
        }
    })
}

#[test]
fn a_later_layer_replaces_the_files_and_links_of_an_earlier_one() {
    let layers = Layers::new();
    layers.add(&layer(&[("lib/a", "=one"), ("lib/b", "a"), ("lib/out", "../../task/bootstrap")])).expect("sound");
    layers.add(&layer(&[("lib/a", "c"), ("lib/b", "=two"), ("lib/out", "=three")])).expect("sound");
    let lib = layers.root().join("lib");
    assert_eq!(fs::read_link(lib.join("a")).expect("replaced"), Path::new("c"));
    assert_eq!(fs::read(lib.join("b")).expect("replaced"), b"two");
    assert_eq!(fs::read(lib.join("out")).expect("replaced"), b"three");
}

#[test]
fn no_layer_writes_through_an_earlier_ones_link() {
    let layers = Layers::new();
    layers.add(&layer(&[("b/x", "=x"), ("through", "b")])).expect("sound");
    let second = layers.add(&layer(&[("through/a", "../../task")]));
    assert!(matches!(second, Err(ExtractError::InTheWay { found: "symbolic link", .. })), "{second:?}");
    assert!(!layers.root().join("b/a").exists());
    layers.add(&layer(&[("b/a", "../../task")])).expect("a link that leads out is kept");
    let third = layers.add(&layer(&[("b/a/bootstrap", "=evil")]));
    assert!(matches!(third, Err(ExtractError::InTheWay { found: "symbolic link", .. })), "{third:?}");
}

#[test]
fn what_cant_replace_the_other_is_refused_for_good() {
    for (earlier, later, found, needed) in [
        (("a", "=file"), ("a/b", "=file"), "file", "directory"),
        (("a", "=file"), ("a/", ""), "file", "directory"),
        (("a", "nowhere"), ("a/b", "=file"), "symbolic link", "directory"),
        (("a", "nowhere"), ("a/", ""), "symbolic link", "directory"),
        (("a/b", "=file"), ("a", "=file"), "directory", "file"),
        (("a/", ""), ("a", "=file"), "directory", "file"),
        (("a/", ""), ("a", "b"), "directory", "symbolic link"),
    ] {
        let layers = Layers::new();
        layers.add(&layer(&[earlier])).expect("sound");
        let error = layers.add(&layer(&[later])).expect_err("one of them is lost");
        assert!(error.is_permanent(), "{earlier:?}, {later:?}: {error:?}");
        let said = error.to_string();
        assert!(said.contains(&format!("needs a {needed} at {:?}", layers.root().join("a"))), "{said}");
        assert!(said.contains(&format!("has a {found},")), "{said}");
    }
}

/// Whatever there is in whichever order: nothing outside is touched, and no zip's fault is taken for the disk's.
#[test]
fn every_order_of_three_layers_stays_inside() {
    let layers: Vec<_> = [
        &[("a", "=file"), ("b/x", "=file")][..],
        &[("a", "../task"), ("b/a", "../../task")],
        &[("a", "b"), ("c", "b/a"), ("d", "nowhere")],
        &[("a/", ""), ("d/", "")],
        &[("a/bootstrap", "=evil"), ("a/deep/new", "=evil")],
        &[("b/a/deep/file", "=evil")],
        &[("c/bootstrap", "=evil")],
    ]
    .map(layer)
    .into();
    for (first, second, third) in triples(layers.len()) {
        let directory = Layers::new();
        for number in [first, second, third] {
            if let Err(error) = directory.add(&layers[number]) {
                assert!(error.is_permanent(), "{first}, {second}, {third}: {error:?}");
            }
        }
    }
}

fn triples(number: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..number.pow(3)).map(move |index| (index / number / number, index / number % number, index % number))
}

#[test]
fn a_directory_closed_by_an_earlier_layer_takes_a_later_ones_files() {
    let closed = zip(|writer| {
        writer.add_directory("lib/", options(0o555)).expect("memory");
        put(writer, "lib/a", b"one");
    });
    let layers = Layers::new();
    layers.add(&closed).expect("sound");
    layers.add(&layer(&[("lib/b", "=two"), ("lib/sub/c", "=three")])).expect("the directory is ours");
    assert_eq!(fs::read(layers.root().join("lib/b")).expect("unpacked"), b"two");
    assert_eq!(mode(&layers.root().join("lib")), 0o555, "as the earlier layer has it");
    fs::set_permissions(layers.root().join("lib"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
}
