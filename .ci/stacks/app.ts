// A plain function in a CDK project; the example of docs/existing-stacks.md is inserted after the last comment.
import { App, DefaultStackSynthesizer, Duration, Stack } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';

class Owner extends Stack {
  constructor(app: App) {
    super(app, 'cdk-owner', { synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) });
    const hello = new Function(this, 'Hello', {
      runtime: Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: Code.fromAsset('target/lambda/hello/bootstrap.zip'),
      memorySize: 512,
      timeout: Duration.minutes(15),
    });
    // beside it
  }
}

new Owner(new App());
