//! Packages, binaries and functions whose names are not what each service, or Cargo, would take.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::wrong_use::{immortal, refused};

/// A program that says of itself what an immortal one would.
fn main_of(package: &str) -> String {
    let manifest = format!(
        r#"{{"schema":1,"handler":"h","package":"{package}","version":"0.1.0","immortal":"0.1.0","cpu":null,"memory":null,"storage":null,"spot":false,"attempts":3,"on":"any","grace":10000,"limit":null}}"#
    );
    format!("fn main() {{ println!(\"{{}}\", r##\"{manifest}\"##); }}")
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, text).expect("a small file");
}

/// A workspace of packages, each with a binary of this name, and more in its `Cargo.toml`.
fn workspace(packages: &[(&str, &str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (package, bin, more) in packages {
        let root = directory.path().join(package);
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [[bin]]\nname = \"{bin}\"\npath = \"src/main.rs\"\n{more}"
        );
        write(&root.join("Cargo.toml"), &manifest);
        write(&root.join("src/main.rs"), &main_of(package));
    }
    let members: Vec<_> = packages.iter().map(|(package, ..)| format!("{package:?}")).collect();
    let manifest =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\nexclude = [\"other\"]\n", members.join(", "));
    write(&directory.path().join("Cargo.toml"), &manifest);
    directory
}

/// The package that answers to this selection.
fn described(directory: &TempDir, selection: &[&str]) -> serde_json::Value {
    let output = immortal(directory, &[&["manifest"], selection].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")["package"].take()
}

/// Where the template is, what it has as `Code:`, and what is said to do next.
fn template(directory: &TempDir, arguments: &[&str]) -> (String, String, String) {
    let output = immortal(directory, &[&["template"], arguments].concat());
    let [path, next] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{next}");
    let path = path.trim_end().to_owned();
    let yaml = fs::read_to_string(directory.path().join(&path)).expect("written");
    let code = yaml.lines().find_map(|line| line.trim().strip_prefix("Code: ")).expect("the primary has one");
    (path, code.to_owned(), next)
}

#[test]
fn two_binaries_of_one_name_are_two_functions() {
    let directory = workspace(&[("orders", "bootstrap", ""), ("stock", "bootstrap", "")]);
    for package in ["orders", "stock"] {
        assert_eq!(described(&directory, &["-p", package]), package);
        let (path, code, next) = template(&directory, &["-p", package]);
        assert_eq!(path, format!("target/immortal/{package}/template.yaml"));
        assert_eq!(code, format!("../../lambda/{package}/bootstrap/bootstrap.zip"));
        assert!(next.contains(&format!("-p {package} --lambda-dir target/lambda/{package}\n")), "{next}");
        assert!(next.contains(&format!("--stack-name {package} ")), "{next}");
    }
    let message = refused(&immortal(&directory, &["runner", "-p", "stock"]));
    assert!(message.contains("there is no target/lambda/stock/bootstrap/bootstrap.zip yet; build it: "), "{message}");
}

#[test]
fn a_package_is_told_from_a_dependency_of_its_name() {
    let dependency = "[dependencies]\nother = { package = \"http\", path = \"../other\" }\n";
    let directory = workspace(&[("http", "http", dependency)]);
    let other = directory.path().join("other");
    write(&other.join("Cargo.toml"), "[package]\nname = \"http\"\nversion = \"1.5.0\"\nedition = \"2024\"\n");
    write(&other.join("src/lib.rs"), "");
    for name in ["http", "http@0.1.0"] {
        assert_eq!(described(&directory, &["-p", name]), "http", "{name}");
    }
    let (.., next) = template(&directory, &["-p", "http"]);
    assert!(next.contains("cargo lambda build --release --output-format zip -p http@0.1.0\n"), "{next}");
    let message = refused(&immortal(&directory, &["manifest", "-p", "http@1.5.0"]));
    assert!(message.contains("there is no package \"http@1.5.0\""), "{message}");
}

#[test]
fn stacks_have_names_that_cloudformation_takes() {
    let table = [
        ("order_reports", "order_reports", "order-reports"),
        ("Orders", "Orders_Dlq", "Orders-Dlq"),
        ("jobs", "bootstrap", "jobs"),
    ];
    for (package, bin, name) in table {
        let directory = workspace(&[(package, bin, "")]);
        let (path, code, next) = template(&directory, &["-p", package]);
        assert_eq!(path, format!("target/immortal/{name}/template.yaml"));
        assert_eq!(code, format!("../../lambda/{bin}/bootstrap.zip"), "as cargo-lambda names it");
        assert!(next.contains(&format!("--stack-name {name} ")), "{next}");
    }
}

#[test]
fn the_code_is_found_from_an_output_with_parents_in_its_path() {
    let directory = workspace(&[("tool", "tool", "")]);
    fs::create_dir(directory.path().join("infra")).expect("a directory");
    let table = [
        ("infra/../deploy/template.yaml", "../target/lambda/tool/bootstrap.zip"),
        ("infra/../template.yaml", "./target/lambda/tool/bootstrap.zip"),
        ("./infra/./template.yaml", "../target/lambda/tool/bootstrap.zip"),
    ];
    for (output, expected) in table {
        let (path, code, _) = template(&directory, &["-p", "tool", "--output", output]);
        assert_eq!((path.as_str(), code.trim_start_matches("./")), (output, expected.trim_start_matches("./")));
    }
}
