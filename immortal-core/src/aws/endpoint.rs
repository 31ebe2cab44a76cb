//! Where a service is: by region, or as variables say.

use super::{Request, Service, Trouble};

/// What decides the endpoints of all services.
///
/// The variables are those of AWS's SDKs:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html>.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    region: Option<String>,
    fips: bool,
    dual_stack: bool,
    /// Set by hand, service by service.
    ecs: Option<String>,
    lambda: Option<String>,
    s3: Option<String>,
}

/// The DNS suffixes of a partition, by how its regions begin: the usual one, and that of dual-stack endpoints.
///
/// Source: the partitions that AWS's SDKs come with, <https://github.com/aws/aws-sdk-rust>, `sdk-partitions.json`.
const PARTITIONS: [(&str, &str, &str); 6] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
];
/// Those of all other regions.
const USUAL: (&str, &str) = ("amazonaws.com", "api.aws");

impl Endpoints {
    pub(super) fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let is_true = |name: &str| lookup(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let by_hand = |name: &str| {
            let ignored = is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
            let url = || lookup(&format!("AWS_ENDPOINT_URL_{name}")).or_else(|| lookup("AWS_ENDPOINT_URL"));
            (!ignored).then(url).flatten().map(|url| url.trim_end_matches('/').to_owned())
        };
        Self {
            region: lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION")),
            fips: is_true("AWS_USE_FIPS_ENDPOINT"),
            dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT"),
            ecs: by_hand("ECS"),
            lambda: by_hand("LAMBDA"),
            s3: by_hand("S3"),
        }
    }

    pub(super) fn region(&self) -> Result<&str, Trouble> {
        self.region.as_deref().ok_or_else(|| Trouble::Unsent("no region is known; set AWS_REGION".to_owned()))
    }

    /// The whole address of a request.
    pub(super) fn url(&self, request: &Request) -> Result<String, Trouble> {
        let Request { service, bucket, path, .. } = request;
        let by_hand = match service {
            Service::Ecs => &self.ecs,
            Service::Lambda => &self.lambda,
            Service::S3 => &self.s3,
        };
        if let Some(base) =
            by_hand.as_ref().filter(|base| !base.starts_with("http://") && !base.starts_with("https://"))
        {
            return Err(Trouble::Unsent(format!(
                "AWS_ENDPOINT_URL, or the one of {}, is {base:?}, and must begin with http:// or https://",
                service.name()
            )));
        }
        // A bucket is no subdomain of an address that was set by hand, nor one with dots of a certificate's.
        Ok(match (by_hand, bucket) {
            (Some(base), None) => format!("{base}{path}"),
            (Some(base), Some(bucket)) => format!("{base}/{bucket}{path}"),
            (None, None) => format!("https://{}{path}", self.host(*service)?),
            (None, Some(bucket)) if is_label(bucket) => format!("https://{bucket}.{}{path}", self.host(*service)?),
            (None, Some(bucket)) => format!("https://{}/{bucket}{path}", self.host(*service)?),
        })
    }

    fn host(&self, service: Service) -> Result<String, Trouble> {
        let region = self.region()?;
        let partition = PARTITIONS.iter().find(|(prefix, _, _)| region.starts_with(prefix));
        let (suffix, dual_stack) = partition.map_or(USUAL, |&(_, suffix, dual_stack)| (suffix, dual_stack));
        let fips = if self.fips { "-fips" } else { "" };
        let name = service.name();
        Ok(match (service, self.dual_stack) {
            (Service::S3, true) => format!("{name}{fips}.dualstack.{region}.{suffix}"),
            (_, true) => format!("{name}{fips}.{region}.{dual_stack}"),
            (_, false) => format!("{name}{fips}.{region}.{suffix}"),
        })
    }
}

impl Service {
    /// Its name in host names and in signatures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Lambda => "lambda",
            Self::S3 => "s3",
        }
    }
}

/// Whether a bucket's name can be one label of a host name.
fn is_label(bucket: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(is_inner)
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}
