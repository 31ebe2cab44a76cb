//! Which image the tasks run: the one that is named, the one that the stack has of somebody else's repository, or our own.

/// The runner's image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ImageChoice {
    /// As a flag says.
    Named(String),
    /// The stack has it, and it comes from another repository than ours: somebody chose it.
    Kept(String),
    /// Ours, which may have to be built.
    #[default]
    Own,
}

/// Chooses it; `repository` is the address of our own repository.
pub(super) fn choose(named: Option<&str>, deployed: Option<&str>, repository: &str) -> ImageChoice {
    match (named, deployed) {
        (Some(named), _) => ImageChoice::Named(named.to_owned()),
        (None, Some(deployed)) if address_of(deployed) != repository => ImageChoice::Kept(deployed.to_owned()),
        _ => ImageChoice::Own,
    }
}

/// An image's address without tag and digest.
fn address_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        // What follows a registry's port is a path.
        Some((address, tag)) if !tag.contains('/') => address,
        _ => image,
    }
}

/// The host of an account's registry.
///
/// Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>
pub(super) fn registry(account: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{account}.dkr.ecr.{region}.{domain}")
}

/// What the parameter `ImageRepository` has to be for an image: its repository, where it is in this account's registry, so that
/// tasks may pull it; else nothing.
pub(super) fn repository_in(registry: &str, image: &str) -> String {
    let repository = address_of(image).strip_prefix(registry).and_then(|rest| rest.strip_prefix('/'));
    repository.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "1.dkr.ecr.eu-central-1.amazonaws.com";

    #[test]
    fn an_image_that_somebody_chose_stays() {
        let own = format!("{REGISTRY}/hello-runner");
        let old = format!("{own}:1");
        let digest = format!("{own}@sha256:00");
        let named = |image: &str| ImageChoice::Named(image.to_owned());
        let table = [
            (None, None, ImageChoice::Own),
            (None, Some(old.as_str()), ImageChoice::Own),
            (None, Some(digest.as_str()), ImageChoice::Own),
            (None, Some("shared:1"), ImageChoice::Kept("shared:1".to_owned())),
            (Some("mine"), Some(old.as_str()), named("mine")),
            (Some("mine"), None, named("mine")),
        ];
        for (flag, deployed, expected) in table {
            assert_eq!(choose(flag, deployed, &own), expected, "{flag:?} {deployed:?}");
        }
    }

    #[test]
    fn an_images_repository_is_the_accounts_own_or_none() {
        let table = [
            (format!("{REGISTRY}/team/runner:1"), "team/runner"),
            (format!("{REGISTRY}/runner@sha256:00"), "runner"),
            (format!("{REGISTRY}/runner:1@sha256:00"), "runner"),
            ("public.ecr.aws/x/runner:1".to_owned(), ""),
            ("localhost:5000/runner".to_owned(), ""),
        ];
        for (image, expected) in table {
            assert_eq!(repository_in(REGISTRY, &image), expected, "{image}");
        }
        assert_eq!(repository_in("localhost:5000", "localhost:5000/runner"), "runner");
        assert_eq!(registry("1", "cn-north-1"), "1.dkr.ecr.cn-north-1.amazonaws.com.cn");
    }
}
