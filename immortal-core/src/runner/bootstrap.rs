//! Finds the program to run among the unpacked files, and explains why there is none.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{config::RunnerConfig, deployed_function::DeployedFunction, error::RunnerError};

/// The name of the program that Lambda runs.
const BOOTSTRAP: &str = "bootstrap";

/// The program of the function, of a layer, or of the image.
///
/// A managed runtime's is always the image's: `bootstrap` in its zip is a file like any other.
pub(super) fn find(config: &RunnerConfig, function: &DeployedFunction) -> Result<PathBuf, RunnerError> {
    let name = &function.name;
    let roots = [&config.task_root, &config.layer_root, &config.runtime_root];
    let candidates = roots.map(|root| root.join(BOOTSTRAP));
    let ours = if function.managed().is_some() { &candidates[2..] } else { &candidates[..] };
    let Some((path, metadata)) = ours.iter().find_map(|path| Some((path, fs::metadata(path).ok()?))) else {
        return Err(RunnerError::Permanent(missing(config, function)));
    };
    let refused = |why: &str| Err(RunnerError::Permanent(format!("{} of function {name} {why}", path.display())));
    if metadata.is_dir() {
        let hint = bootstrap_hint(&config.task_root, function).unwrap_or_default();
        return refused(&format!("is a directory, and must be an executable file{hint}"));
    }
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return refused("isn't an executable file; give it mode 755 in the zip");
    }
    match first_line(path).as_deref().ok().and_then(script_fault) {
        Some(fault) => refused(fault),
        None => Ok(path.clone()),
    }
}

fn missing(config: &RunnerConfig, function: &DeployedFunction) -> String {
    let name = &function.name;
    if let Some(runtime) = function.managed() {
        return format!(
            "function {name} has the managed runtime {runtime}, and the runner's image has no {}; build the image on \
             AWS's base image of that language",
            config.runtime_root.join(BOOTSTRAP).display()
        );
    }
    for root in [&config.task_root, &config.layer_root] {
        let path = root.join(BOOTSTRAP);
        if let Ok(target) = fs::read_link(&path) {
            return format!(
                "{} of function {name} is a link to {}, which the task doesn't have; put the program itself into the zip",
                path.display(),
                target.display()
            );
        }
    }
    let hint = bootstrap_hint(&config.task_root, function).unwrap_or_else(|| {
        "; put the program there as bootstrap, with mode 755, as `cargo lambda build --output-format zip` does".into()
    });
    format!("function {name} has no bootstrap at the top of its zip, and its layers have none{hint}")
}

/// The file that is probably meant to be the program, and how to make it the bootstrap.
fn bootstrap_hint(task_root: &Path, function: &DeployedFunction) -> Option<String> {
    let files = files_below(task_root);
    let names: Vec<_> = files.iter().filter_map(|path| path.strip_prefix(task_root).ok()?.to_str()).collect();
    // On Windows some tools write backslashes, which are no separators in a zip.
    let last = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if let Some(name) = names.iter().find(|name| last(name) == BOOTSTRAP) {
        return Some(format!("; it has {name:?}: zip it without its directory (`zip -j`), so that it lies at the top"));
    }
    let handler = function.handler.as_deref().unwrap_or_default();
    let programs = || names.iter().copied().filter(|name| is_program(&task_root.join(name)));
    let expected = programs().find(|name| [function.name.as_str(), handler].contains(&last(name).as_str()));
    let only = || Some(programs().next()?).filter(|_| programs().count() == 1);
    let name = expected.or_else(only)?;
    Some(format!(
        "; it has the program {name:?}: put it at the top of the zip and name it bootstrap, as \
         `cargo lambda build --output-format zip` does"
    ))
}

/// All files, those at the top first, without following links.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut ahead = VecDeque::from([root.to_owned()]);
    while let Some(directory) = ahead.pop_front() {
        let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => ahead.push_back(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// An ELF file that isn't a library by its name, or a script; the mode doesn't count, for a zip may have lost it.
fn is_program(path: &Path) -> bool {
    let is_library = path.to_string_lossy().contains(".so");
    !is_library && first_line(path).is_ok_and(|line| line.starts_with(b"\x7fELF") || line.starts_with(b"#!"))
}

/// The first line with its end, or as much of it as Linux looks at.
///
/// Source: <https://man7.org/linux/man-pages/man2/execve.2.html>, 255 characters since Linux 5.1.
fn first_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut start)?;
    let end = start.iter().position(|byte| *byte == b'\n').map_or(start.len(), |at| at + 1);
    start.truncate(end);
    Ok(start)
}

/// Why Linux wouldn't find the interpreter of a script with this first line.
fn script_fault(line: &[u8]) -> Option<&'static str> {
    if line.starts_with(b"\xef\xbb\xbf#!") {
        return Some("is a script that begins with a byte order mark; save it as UTF-8 without one");
    }
    (line.starts_with(b"#!") && line.ends_with(b"\r\n")).then_some(
        "is a script whose first line ends in CR LF, and the CR would be part of the interpreter's name; save it with \
         LF line ends (`sed -i 's/\\r$//' bootstrap`, and in .gitattributes `bootstrap text eol=lf`)",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(root: &Path) -> RunnerConfig {
        RunnerConfig {
            task_root: root.join("task"),
            layer_root: root.join("opt"),
            runtime_root: root.join("runtime"),
            stop_timeout: Duration::from_secs(30),
            start_timeout: Duration::from_mins(15),
            stall_timeout: Duration::from_secs(30),
            has_metrics: true,
            #[cfg(feature = "destinations")]
            on_success: crate::runner::destination::ResultDestination::default(),
            #[cfg(feature = "destinations")]
            event_bucket: None,
        }
    }

    fn put(path: &Path, mode: u32, content: &[u8]) {
        fs::create_dir_all(path.parent().expect("below a root")).expect("ours");
        fs::write(path, content).expect("ours");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    fn refusal(config: &RunnerConfig, function: &DeployedFunction) -> String {
        match find(config, function) {
            Err(RunnerError::Permanent(message)) => message,
            other => panic!("not refused for good: {other:?}"),
        }
    }

    #[test]
    fn the_functions_own_bootstrap_comes_first() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        let own = DeployedFunction::default();
        assert!(refusal(&config, &own).contains("no bootstrap"));
        let managed = DeployedFunction { runtime: Some("nodejs22.x".into()), ..DeployedFunction::default() };
        assert!(refusal(&config, &managed).contains("base image"));
        for directory in [&config.runtime_root, &config.layer_root, &config.task_root] {
            let path = directory.join(BOOTSTRAP);
            put(&path, 0o755, b"#!/bin/sh\n");
            assert_eq!(find(&config, &own), Ok(path));
        }
        assert_eq!(find(&config, &managed), Ok(config.runtime_root.join(BOOTSTRAP)));
    }

    #[test]
    fn a_bootstrap_must_be_executable() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        put(&config.task_root.join(BOOTSTRAP), 0o644, b"#!/bin/sh\n");
        assert!(refusal(&config, &DeployedFunction::default()).contains("mode 755"));
    }

    #[test]
    fn a_program_that_lies_elsewhere_is_named_with_the_way_to_have_it_found() {
        const ELF: &[u8] = b"\x7fELF\x02";
        for (files, said) in [
            (&[("hello/bootstrap", ELF), ("hello/data", b"")][..], "\"hello/bootstrap\": zip it without"),
            (&[("a/b/bootstrap", ELF), ("z/bootstrap", ELF)], "\"z/bootstrap\""),
            (&[("hello\\bootstrap", ELF)], r#""hello\\bootstrap""#),
            (
                &[("bootstrap/bootstrap", ELF)],
                "is a directory, and must be an executable file; it has \"bootstrap/boot",
            ),
            (&[("hello", ELF), ("other", ELF)], "the program \"hello\": put it at the top of the zip and name it boot"),
            (&[("bin/hello", ELF), ("other", ELF)], "\"bin/hello\""),
            (&[("main", ELF), ("other", ELF)], "the program \"main\""),
            (&[("server", ELF), ("libssl.so.3", ELF), ("readme", b"text")], "the program \"server\""),
            (&[("one", ELF), ("two", ELF)], "put the program there as bootstrap"),
            (&[("readme", b"text")], "put the program there as bootstrap"),
        ] {
            let root = tempfile::tempdir().expect("a directory");
            let config = config(root.path());
            for (name, content) in files {
                put(&config.task_root.join(name), 0o644, content);
            }
            let function =
                DeployedFunction { name: "hello".into(), handler: Some("main".into()), ..DeployedFunction::default() };
            let message = refusal(&config, &function);
            assert!(message.contains(said), "{files:?}: {message}");
            assert!(!message.contains("base image") && !message.contains("another zip"), "{message}");
        }
    }

    #[test]
    fn a_link_to_nothing_is_named_with_its_target() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        fs::create_dir_all(&config.task_root).expect("ours");
        std::os::unix::fs::symlink("/opt/no/such", config.task_root.join(BOOTSTRAP)).expect("ours");
        assert!(refusal(&config, &DeployedFunction::default()).contains("is a link to /opt/no/such"));
    }

    #[test]
    fn a_script_that_linux_finds_no_interpreter_for_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(root.path());
        let path = config.task_root.join(BOOTSTRAP);
        for (content, said) in [
            (&b"#!/bin/sh\r\nexit 0\r\n"[..], Some("CR LF")),
            (b"#!/usr/bin/env bash\r\n", Some("sed -i")),
            (b"\xef\xbb\xbf#!/bin/sh\n", Some("byte order mark")),
            (b"#!/bin/sh\necho '\r\n'\n", None),
            (b"\x7fELF\r\n", None),
            (b"", None),
        ] {
            put(&path, 0o755, content);
            match said {
                Some(said) => assert!(refusal(&config, &DeployedFunction::default()).contains(said), "{content:?}"),
                None => assert_eq!(find(&config, &DeployedFunction::default()), Ok(path.clone()), "{content:?}"),
            }
        }
    }
}
