//! What the image is made of: base and programs, once it is sure that they fit together.

use std::{fmt, path::Path, str::FromStr};

use immortal_core::role::Role;

use crate::{
    artifact::{BuiltProgram, CpuArchitecture, build_command, package_path, shown},
    package::PackageCandidate,
    pair::without_role,
};

/// The image that the runner's is built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BaseImage {
    /// What Lambda itself runs the function in.
    Lambda,
    /// Nothing: for a static program.
    Scratch,
    /// Any other; what is in it, only its owner knows.
    Other(String),
}

/// The minor number of the glibc 2.x in Lambda's image.
///
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
const LAMBDA_GLIBC: u32 = 34;

impl FromStr for BaseImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected an image, or scratch".to_owned()),
            "scratch" => Ok(Self::Scratch),
            text if text == Self::Lambda.to_string() => Ok(Self::Lambda),
            text if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                Err("an image's name has no spaces".to_owned())
            }
            text => Ok(Self::Other(text.to_owned())),
        }
    }
}

/// As a Dockerfile names it.
impl fmt::Display for BaseImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lambda => "public.ecr.aws/lambda/provided:al2023",
            Self::Scratch => "scratch",
            Self::Other(image) => image,
        })
    }
}

/// Everything that decides the context's files but the programs themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunnerPlan {
    /// The function's name.
    pub(crate) name: String,
    pub(crate) base: BaseImage,
    pub(crate) platforms: ImagePlatforms,
}

/// What the image can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImagePlatforms {
    One(CpuArchitecture),
    /// Each of [`ImagePlatforms::BOTH`].
    Both,
}

impl ImagePlatforms {
    pub(crate) const BOTH: [CpuArchitecture; 2] = [CpuArchitecture::X86_64, CpuArchitecture::Arm64];

    /// Where the program of a processor lies in the context.
    pub(crate) fn path(self, architecture: CpuArchitecture) -> String {
        match self {
            Self::One(_) => "bootstrap".to_owned(),
            Self::Both => format!("{}/bootstrap", architecture.docker()),
        }
    }
}

/// A program that was offered for the image.
#[derive(Debug)]
pub(crate) struct RunnerOffer<'a> {
    pub(crate) path: &'a Path,
    pub(crate) program: BuiltProgram,
    /// Whether there is anything of ours in it.
    pub(crate) immortal: bool,
    /// Whether it has the runner's role.
    pub(crate) runner: bool,
}

/// Makes a plan of what was offered, or says what to build instead.
pub(crate) fn plan(
    candidate: &PackageCandidate,
    base: BaseImage,
    asked: Option<CpuArchitecture>,
    offers: &[RunnerOffer<'_>],
) -> Result<RunnerPlan, String> {
    let package = &candidate.package;
    for RunnerOffer { path, program, immortal, runner } in offers {
        let path = shown(path);
        let rebuild = build_command(candidate, program.architecture);
        if !immortal {
            return Err(format!("{path} is not an immortal function; put #[immortal] on its handler, then: {rebuild}"));
        }
        if !runner {
            return Err(without_role(Role::Runner, &path, candidate, program.architecture, "--binary"));
        }
        if asked.is_some_and(|asked| asked != program.architecture) {
            let asked = asked.unwrap_or(program.architecture);
            return Err(format!(
                "{path} is for {}, and not for {asked}; build it again: {}",
                program.architecture,
                build_command(candidate, asked)
            ));
        }
        match (&base, program.glibc) {
            (BaseImage::Scratch, _) if program.dynamic => {
                let target = match program.architecture {
                    CpuArchitecture::X86_64 => "x86_64",
                    CpuArchitecture::Arm64 => "aarch64",
                };
                return Err(format!(
                    "{path} is linked dynamically, and can't run from scratch; build a static one: \
                     cargo lambda build --release --output-format zip --target {target}-unknown-linux-musl -p {package}, \
                     or leave out --base"
                ));
            }
            (BaseImage::Lambda, Some(glibc)) if glibc > LAMBDA_GLIBC => {
                return Err(format!(
                    "{path} needs glibc 2.{glibc}, and neither {base} nor Lambda itself has a newer one than \
                     2.{LAMBDA_GLIBC}; build it for them: {rebuild}"
                ));
            }
            _ => (),
        }
    }
    let platforms = match offers {
        [] => {
            return Err(format!(
                "there is no {} yet; build it: {}, or name a program with --binary",
                package_path(Path::new("target"), candidate).display(),
                build_command(candidate, asked.unwrap_or(CpuArchitecture::X86_64))
            ));
        }
        [one] => ImagePlatforms::One(one.program.architecture),
        [one, other] if one.program.architecture != other.program.architecture => ImagePlatforms::Both,
        _ => return Err("an image has one program for each processor; give --binary once for each".to_owned()),
    };
    Ok(RunnerPlan { name: candidate.name.clone(), base, platforms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::example;
    use CpuArchitecture::{Arm64, X86_64};

    fn offer(architecture: CpuArchitecture, dynamic: bool, glibc: Option<u32>) -> RunnerOffer<'static> {
        let path = Path::new("target/lambda/hello/bootstrap.zip");
        RunnerOffer { path, program: BuiltProgram { architecture, dynamic, glibc }, immortal: true, runner: true }
    }

    fn lambda(architecture: CpuArchitecture) -> RunnerOffer<'static> {
        offer(architecture, true, Some(34))
    }

    #[test]
    fn what_fits_makes_an_image() {
        let table = [
            (BaseImage::Lambda, None, vec![lambda(X86_64)], ImagePlatforms::One(X86_64)),
            (BaseImage::Lambda, Some(Arm64), vec![lambda(Arm64)], ImagePlatforms::One(Arm64)),
            (BaseImage::Scratch, None, vec![offer(X86_64, false, None)], ImagePlatforms::One(X86_64)),
            (BaseImage::Lambda, None, vec![lambda(Arm64), lambda(X86_64)], ImagePlatforms::Both),
            (
                BaseImage::Other("debian:13".into()),
                None,
                vec![offer(X86_64, true, Some(41))],
                ImagePlatforms::One(X86_64),
            ),
        ];
        for (base, asked, offers, platforms) in table {
            let expected = RunnerPlan { name: "hello".into(), base: base.clone(), platforms };
            assert_eq!(plan(&example("hello", "hello"), base, asked, &offers), Ok(expected));
        }
    }

    #[test]
    fn what_does_not_fit_names_the_next_command() {
        let build = "cargo lambda build --release --output-format zip";
        let foreign = RunnerOffer { immortal: false, runner: false, ..lambda(X86_64) };
        let slim = RunnerOffer { runner: false, ..lambda(Arm64) };
        let table = [
            (
                BaseImage::Lambda,
                None,
                vec![],
                format!("no target/lambda/hello/bootstrap.zip yet; build it: {build} -p hello,"),
            ),
            (BaseImage::Lambda, Some(Arm64), vec![], format!("build it: {build} --arm64 -p hello,")),
            (
                BaseImage::Lambda,
                Some(Arm64),
                vec![lambda(X86_64)],
                format!("is for x86_64, and not for arm64; build it again: {build} --arm64 -p hello"),
            ),
            (
                BaseImage::Scratch,
                None,
                vec![lambda(Arm64)],
                format!(
                    "can't run from scratch; build a static one: {build} --target aarch64-unknown-linux-musl -p hello"
                ),
            ),
            (BaseImage::Lambda, None, vec![offer(X86_64, true, Some(36))], "needs glibc 2.36, and neither".to_owned()),
            (
                BaseImage::Lambda,
                None,
                vec![foreign],
                format!("is not an immortal function; put #[immortal] on its handler, then: {build}"),
            ),
            (
                BaseImage::Lambda,
                None,
                vec![slim],
                format!(
                    "was built without the runner role; build a program that has it: {build} --arm64 -p hello --features"
                ),
            ),
            (
                BaseImage::Lambda,
                None,
                vec![lambda(X86_64), lambda(X86_64)],
                "one program for each processor".to_owned(),
            ),
        ];
        for (base, asked, offers, expected) in table {
            let error = plan(&example("hello", "hello"), base, asked, &offers).expect_err(&expected);
            assert!(error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn bases_are_read_as_written() {
        for base in [BaseImage::Lambda, BaseImage::Scratch, BaseImage::Other("debian:13-slim".into())] {
            assert_eq!(base.to_string().parse(), Ok(base));
        }
        assert!("".parse::<BaseImage>().is_err() && "a\nRUN b".parse::<BaseImage>().is_err());
    }
}
