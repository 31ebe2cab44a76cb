//! The context's files: pure functions of the plan.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::plan::{ImagePlatforms, RunnerPlan};

/// The user that the runner is, and that owns what it writes. Any number but root's.
const USER: u32 = 65532;

/// The users and groups, for programs that look up who they are, as `ssh` and `git` do. `runner` is at home where it can write.
/// Nothing can be appended to the base's own file without a shell in the base.
pub(crate) const ACCOUNTS: [(&str, &str); 2] = [
    (
        "passwd",
        "root:x:0:0:root:/root:/bin/sh\nrunner:x:65532:65532:runner:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    ),
    ("group", "root:x:0:\nrunner:x:65532:\nnobody:x:65534:\n"),
];

/// What the runner writes to: the code, the layers, and temporary files.
const DIRECTORIES: [(&str, u32); 3] = [("var/task/", 0o755), ("opt/", 0o755), ("tmp/", 0o1777)];

/// Where the program lies in the image: not in the task root, which is the function's.
pub(crate) const PROGRAM: &str = "/usr/local/bin/immortal-runner";

pub(crate) fn dockerfile(plan: &RunnerPlan) -> String {
    let RunnerPlan { name, base, platforms } = plan;
    let (platform, argument, program) = match platforms {
        ImagePlatforms::One(architecture) => {
            (format!("--platform=linux/{} ", architecture.docker()), "", platforms.path(*architecture))
        }
        ImagePlatforms::Both => (String::new(), "ARG TARGETARCH\n", "${TARGETARCH}/bootstrap".to_owned()),
    };
    format!(
        r#"# Written by `cargo immortal runner`.
#
# The runner in Fargate, made of {name}'s package. It fetches a function's code when a task starts: this one image serves any
# function, and any version of its code. Build it again for a new version of immortal-lambda or of the base image.
FROM {platform}{base}

# The authorities that AWS's certificates are signed by, whatever the base has.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Who the user below is, in the place of the base's own users.
COPY passwd group /etc/
# /var/task, /opt and /tmp, owned by the user below. The root file system may be read-only: only these are written to.
ADD directories.tar /
VOLUME ["/var/task", "/opt", "/tmp"]

{argument}COPY {program} {PROGRAM}

ENV IMMORTAL_ROLE=runner
STOPSIGNAL SIGTERM
USER {USER}:{USER}
WORKDIR /var/task
ENTRYPOINT ["{PROGRAM}"]
"#
    )
}

pub(crate) fn dockerignore(plan: &RunnerPlan) -> String {
    let programs = match plan.platforms {
        ImagePlatforms::One(architecture) => vec![plan.platforms.path(architecture)],
        ImagePlatforms::Both => ImagePlatforms::BOTH.map(|architecture| plan.platforms.path(architecture)).to_vec(),
    };
    let files =
        ["ca-certificates.crt", "directories.tar", "passwd", "group"].map(str::to_owned).into_iter().chain(programs);
    files.fold("*\n".to_owned(), |text, file| text + "!" + &file + "\n")
}

/// Mozilla's authorities as PEM, from a crate: the same on every machine.
pub(crate) fn certificates() -> String {
    let pem = |der: &[u8]| {
        let base64 = STANDARD.encode(der);
        let lines = base64.as_bytes().chunks(64).flat_map(|line| line.iter().copied().chain([b'\n']));
        let body: String = lines.map(char::from).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    };
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| pem(der)).collect()
}

/// A tar of the empty directories.
///
/// `COPY --chown` leaves a directory that the base has to its owner, and `RUN` needs a shell; unpacking sets the owner
/// in every base and with every builder.
pub(crate) fn directories() -> Vec<u8> {
    let mut tar: Vec<u8> = DIRECTORIES.iter().flat_map(|(path, mode)| entry(path, *mode)).collect();
    tar.resize(tar.len() + 2 * 512, 0);
    tar
}

/// The header of a directory in the format of POSIX.1-1988.
///
/// Source: <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>, "ustar Interchange Format"
fn entry(path: &str, mode: u32) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, &format!("{mode:07o}"));
    put(108, &format!("{USER:07o}"));
    put(116, &format!("{USER:07o}"));
    put(124, "00000000000");
    put(136, "00000000000");
    put(148, "        ");
    put(156, "5");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use expect_test::expect_file;

    use super::*;
    use crate::{artifact::CpuArchitecture, runner::plan::BaseImage};

    fn check(base: BaseImage, platforms: ImagePlatforms, file: &expect_test::ExpectFile) {
        let plan = RunnerPlan { name: "hello".into(), base, platforms };
        file.assert_eq(&format!("{}\n# .dockerignore\n{}", dockerfile(&plan), dockerignore(&plan)));
    }

    #[test]
    fn for_one_processor() {
        check(BaseImage::Lambda, ImagePlatforms::One(CpuArchitecture::Arm64), &expect_file!["expected/one.Dockerfile"]);
    }

    #[test]
    fn for_both() {
        check(BaseImage::Scratch, ImagePlatforms::Both, &expect_file!["expected/both.Dockerfile"]);
    }

    #[test]
    fn the_user_has_a_name() {
        for (file, text) in ACCOUNTS {
            assert!(text.contains(&format!("\nrunner:x:{USER}:")), "{file}");
        }
    }

    #[test]
    fn certificates_are_pem() {
        let pem = certificates();
        let count = pem.matches("-----BEGIN CERTIFICATE-----\n").count();
        assert!(count > 50, "{count}");
        assert_eq!(pem.matches("-----END CERTIFICATE-----\n").count(), count);
        assert!(pem.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn tar_reads_the_directories() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("directories.tar");
        std::fs::write(&path, directories()).expect("a small file");
        let output = Command::new("tar").arg("--numeric-owner").arg("-tvf").arg(&path).output().expect("tar runs");
        let listed = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let fields = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            format!("{} {} {}", fields[0], fields[1], fields[fields.len() - 1])
        };
        let listed: Vec<_> = listed.lines().map(fields).collect();
        let expected =
            ["drwxr-xr-x 65532/65532 var/task/", "drwxr-xr-x 65532/65532 opt/", "drwxrwxrwt 65532/65532 tmp/"];
        assert_eq!(listed, expected);
    }
}
