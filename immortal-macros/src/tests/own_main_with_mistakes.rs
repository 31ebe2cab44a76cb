::core::compile_error! {
    "`#[immortal::main]` has no `init`, since `main` makes its own state; `#[immortal]` has, on a handler"
}
::core::compile_error! {
    "`attempts` is a number of Fargate tasks, 1 to 10"
}
::core::compile_error! {
    "`#[immortal::main]` starts the runtime itself: remove `#[tokio::main]`"
}
::core::compile_error! {
    "`main` takes no parameters: the service that it gives to `immortal::run` takes the event"
}
#[allow(unused_imports)]
use ::immortal::__private::stub::*;
const _: () = {
    async fn main(event: LambdaEvent<Upload>) {
        serve()
    }
};
