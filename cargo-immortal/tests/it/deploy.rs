use std::{fs, path::Path, process::Output};

use tempfile::TempDir;

use crate::wrong_use::{command, immortal, one_line, package, refused};

/// A package whose binary says of itself what an immortal one would.
fn described() -> TempDir {
    package(
        r##"fn main() {
            println!("{}", r#"{"schema":1,"handler":"tool","package":"tool","version":"0.1.0","immortal":"0.1.0",
                "cpu":512,"memory":1024,"storage":25,"spot":false,"attempts":3,"on":"any","grace":10000,"limit":null}"#);
        }"##,
    )
}

/// Puts a program where `cargo lambda build` does: no more than a head, for x86-64 (62) or Graviton (183).
fn build(directory: &Path, machine: u8) {
    let mut program = vec![0; 64];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    program[18] = machine;
    program.extend_from_slice(b"IMMORTAL_ROLE\0IMMORTAL_STALL_TIMEOUT");
    let lambda = directory.join("target/lambda/tool");
    fs::create_dir_all(&lambda).expect("a directory");
    fs::write(lambda.join("bootstrap"), program).expect("a small file");
}

fn succeeded(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_runners_context_is_written_once() {
    let directory = package("fn main() {}");
    build(directory.path(), 183);
    let runner = |more: &[&str]| immortal(&directory, &[&["runner", "-p", "tool"], more].concat());

    let (said, next) = succeeded(&runner(&["--base", "scratch"]));
    assert_eq!(said, "target/immortal/tool/runner\n");
    assert!(
        next.contains("next: docker build --platform linux/arm64 -t tool-runner target/immortal/tool/runner"),
        "{next}"
    );
    let context = directory.path().join("target/immortal/tool/runner");
    let mut files: Vec<_> = fs::read_dir(&context).expect("written").flatten().map(|file| file.file_name()).collect();
    files.sort();
    let expected =
        [".dockerignore", "Dockerfile", "bootstrap", "ca-certificates.crt", "directories.tar", "group", "passwd"];
    assert_eq!(files, expected);

    let message = refused(&runner(&[]));
    assert!(one_line(&message).contains("target/immortal/tool/runner/Dockerfile exists already"), "{message}");
    succeeded(&runner(&["--force"]));
    let dockerfile = fs::read_to_string(context.join("Dockerfile")).expect("written");
    assert!(
        dockerfile.contains("\nFROM --platform=linux/arm64 public.ecr.aws/lambda/provided:al2023\n"),
        "{dockerfile}"
    );
}

#[test]
fn a_runner_without_a_program_or_of_another_processor() {
    let directory = package("fn main() {}");
    let runner = |more: &[&str]| refused(&immortal(&directory, &[&["runner", "-p", "tool"], more].concat()));
    let message = runner(&[]);
    assert!(one_line(&message).contains("cargo lambda build --release --output-format zip -p tool"), "{message}");
    build(directory.path(), 62);
    let message = runner(&["--arch", "arm64"]);
    assert!(
        one_line(&message).contains("cargo lambda build --release --output-format zip --arm64 -p tool"),
        "{message}"
    );
    assert!(!directory.path().join("target/immortal").exists(), "nothing is half written");
}

#[test]
fn the_template_is_of_the_attribute_and_written_once() {
    let directory = described();
    let template = |more: &[&str]| immortal(&directory, &[&["template", "-p", "tool"], more].concat());

    let (said, next) = succeeded(&template(&["--env", "STAGE=test"]));
    assert_eq!(said, "target/immortal/tool/template.yaml\n");
    assert!(next.contains("isn't there yet; next: cargo lambda build --release"), "{next}");
    assert!(next.contains("aws cloudformation package --template-file target/immortal/tool/template.yaml"), "{next}");
    let yaml = fs::read_to_string(directory.path().join("target/immortal/tool/template.yaml")).expect("written");
    for line in [
        "Default: '512'",
        "Default: '1024'",
        "SizeInGiB: 25",
        "STAGE: \"test\"",
        "Code: ../../lambda/tool/bootstrap.zip",
    ] {
        assert!(yaml.contains(line), "{line}: {yaml}");
    }

    let message = refused(&template(&[]));
    assert!(one_line(&message).contains("template.yaml exists already"), "{message}");
    succeeded(&template(&["--output", "mine.yaml", "--dead-letter-config"]));
    let yaml = fs::read_to_string(directory.path().join("mine.yaml")).expect("written");
    assert!(yaml.contains("Code: target/lambda/tool/bootstrap.zip"), "{yaml}");
    assert!(yaml.contains("TargetArn: !GetAtt FailureQueue.Arn"), "{yaml}");
}

#[test]
fn a_function_of_another_stack_gets_all_but_itself() {
    let directory = described();
    let template = |more: &[&str]| immortal(&directory, &[&["template", "-p", "tool", "--attach"], more].concat());
    let (said, next) = succeeded(&template(&["--memory", "2048"]));
    assert_eq!(said, "target/immortal/tool/template.yaml\n");
    assert!(next.contains("gives a task 1024 MB, and the function has 2048"), "{next}");
    assert!(next.contains("next: aws s3 cp target/lambda/tool/bootstrap.zip s3://BUCKET/tool/1.zip"), "{next}");
    let yaml = fs::read_to_string(directory.path().join("target/immortal/tool/template.yaml")).expect("written");
    assert!(yaml.contains("  FunctionInvoke:") && !yaml.contains("  Primary:"), "{yaml}");

    for flags in [&["--dead-letter-config"][..], &["--timeout", "1m"]] {
        let message = refused(&template(&[flags, &["--force"]].concat()));
        assert!(message.contains("cannot be used with"), "{message}");
    }
}

#[test]
fn a_reader_that_is_gone_is_no_failure() {
    let directory = described();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let manifest = command(&directory, &["manifest", "-p", "tool"]).stdout(writer).output().expect("the command runs");
    succeeded(&manifest);
}

#[test]
fn a_program_is_packed_without_its_debug_information() {
    let directory = described();
    succeeded(&immortal(&directory, &["manifest", "-p", "tool"]));
    let program = fs::read(directory.path().join("target/debug/tool")).expect("it was built");
    let section = b".debug_info\0";
    assert!(!program.windows(section.len()).any(|window| window == section), "{} bytes", program.len());
}
