use expect_test::{Expect, expect};

use super::*;

fn fresh(path: &str) -> ZipState {
    ZipState { path: path.into(), stale: None, command: vec![], key: Some("hello/aa.zip".into()), is_uploaded: true }
}

fn missing(path: &str) -> ZipState {
    let command = ["cargo", "lambda", "build", "-p", "hello"].map(str::to_owned).to_vec();
    ZipState { stale: Some(StaleZip::Missing), command, key: None, is_uploaded: false, ..fresh(path) }
}

fn own_image(has_repository: bool, tag: Option<&str>, is_pushed: bool) -> ImageState {
    let (choice, repository) = (ImageChoice::Own, "hello-runner".to_owned());
    ImageState { choice, repository, has_repository, tag: tag.map(str::to_owned), is_pushed }
}

const TEMPLATE: &str = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n  Role:\n    Type: AWS::IAM::Role\n";

fn given(values: &[(&str, &str)]) -> BTreeMap<String, ParameterValue> {
    values.iter().map(|(name, value)| ((*name).to_owned(), ParameterValue::Given((*value).to_owned()))).collect()
}

fn deployed(template: &str) -> StackState {
    StackState {
        name: "hello".into(),
        deployed: Some((template.to_owned(), BTreeMap::from([("Image".to_owned(), "i:1".to_owned())]))),
        template: Some(TEMPLATE.to_owned()),
        parameters: given(&[("Image", "i:1")]),
    }
}

fn check(zips: Vec<ZipState>, image: ImageState, bucket: bool, stack: StackState, expected: &Expect) {
    let bucket = BucketState { name: "deployments".into(), is_there: bucket };
    let steps = plan(&DeployFacts { zips, image, bucket, stack });
    let lines: Vec<_> = steps.iter().map(ToString::to_string).collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn nothing_is_there() {
    let stack = StackState { deployed: None, template: None, parameters: given(&[("Subnets", "a,b")]), ..deployed("") };
    check(
        vec![missing("bootstrap.zip")],
        own_image(false, None, false),
        false,
        stack,
        &expect![[r"
            package   build bootstrap.zip, since there is none yet: cargo lambda build -p hello
            image     make the ECR repository hello-runner
            image     build and push hello-runner:TAG
            code      make the bucket deployments
            code      upload bootstrap.zip as s3://deployments/HASH.zip
            stack     deploy hello; which resources change is known once the package is built
                        set     Subnets  a,b
        "]],
    );
}

#[test]
fn the_first_deployment_of_what_is_built() {
    let zip = ZipState { is_uploaded: false, ..fresh("bootstrap.zip") };
    let stack = StackState { deployed: None, ..deployed("") };
    check(
        vec![zip],
        own_image(true, Some("0.1.0-aa"), false),
        true,
        stack,
        &expect![[r"
            package   bootstrap.zip is there
            image     build and push hello-runner:0.1.0-aa
            code      upload bootstrap.zip as s3://deployments/hello/aa.zip
            stack     create hello
                        set     Image  i:1
                        add     Queue  AWS::SQS::Queue
                        add     Role   AWS::IAM::Role
        "]],
    );
}

#[test]
fn a_second_run_has_nothing_to_do() {
    check(
        vec![fresh("bootstrap.zip")],
        own_image(true, Some("0.1.0-aa"), true),
        true,
        deployed(TEMPLATE),
        &expect![[r"
            package   bootstrap.zip is there
            image     hello-runner:0.1.0-aa is there
            code      s3://deployments/hello/aa.zip is there
            stack     hello has nothing to change
        "]],
    );
}

#[test]
fn what_differs_is_updated() {
    let mut stack = deployed(&TEMPLATE.replace("AWS::IAM::Role", "AWS::IAM::User"));
    stack.parameters = given(&[("Image", "shared:2")]);
    stack.parameters.insert("Subnets".into(), ParameterValue::Previous);
    let image = ImageState { choice: ImageChoice::Named("shared:2".into()), ..own_image(false, None, false) };
    check(
        vec![fresh("bootstrap.zip"), fresh("dispatcher.zip")],
        image,
        true,
        stack,
        &expect![[r"
            package   bootstrap.zip is there
            package   dispatcher.zip is there
            image     shared:2, as chosen
            code      s3://deployments/hello/aa.zip is there
            code      s3://deployments/hello/aa.zip is there
            stack     update hello
                        set     Image  shared:2
                        modify  Role   AWS::IAM::Role
        "]],
    );
}

#[test]
fn a_program_reads_the_same_steps() {
    let steps = plan(&DeployFacts {
        zips: vec![missing("bootstrap.zip")],
        image: own_image(true, Some("0.1.0-aa"), true),
        bucket: BucketState { name: "deployments".into(), is_there: true },
        stack: deployed(TEMPLATE),
    });
    let json = serde_json::to_string_pretty(&steps).expect("plain data");
    expect![[r#"
        [
          {
            "step": "build-zip",
            "path": "bootstrap.zip",
            "command": "cargo lambda build -p hello",
            "why": "there is none yet"
          },
          {
            "step": "keep-image",
            "image": "hello-runner:0.1.0-aa"
          },
          {
            "step": "upload",
            "path": "bootstrap.zip",
            "object": "s3://deployments/HASH.zip"
          },
          {
            "step": "keep-stack",
            "stack": "hello"
          }
        ]"#]]
    .assert_eq(&json);
}
