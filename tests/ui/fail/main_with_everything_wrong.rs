#[immortal::main(attempts = 0)]
const unsafe extern "C" fn main<T>(_: &T) {}
