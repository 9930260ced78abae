//! `nanofaas::main!`.

/// Writes `fn main` of a function binary.
///
/// | form | serves |
/// |---|---|
/// | `nanofaas::main!();` | the annotated function of this binary; of several the one that `FUNCTION_HANDLER` names |
/// | `nanofaas::main!(my_crate::handle);` | this function, which may stand in a library crate |
/// | `nanofaas::main!(init = connect);` | the same, after `connect` has made the state |
/// | `nanofaas::main!(my_crate::handle, init = connect);` | both |
///
/// `connect` is an `async fn() -> nanofaas::Result<S>`. It runs once, before `/health` answers 200,
/// and handlers take what it returns as [`State<S>`](crate::State).
#[macro_export]
macro_rules! main {
    () => {
        $crate::__main!($crate::__private::Option::None, |app| app);
    };
    (init = $init:expr $(,)?) => {
        $crate::__main!($crate::__private::Option::None, |app| app.init($init));
    };
    ($handler:path $(,)?) => {
        $crate::__main!($crate::__private::Option::Some($crate::__private::named($handler)), |app| app);
    };
    ($handler:path, init = $init:expr $(,)?) => {
        $crate::__main!($crate::__private::Option::Some($crate::__private::named($handler)), |app| app.init($init));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __main {
    ($given:expr, $prepare:expr) => {
        fn main() -> ::std::process::ExitCode {
            const PROGRAM: $crate::__private::Program = $crate::__private::Program {
                name: ::core::env!("CARGO_PKG_NAME"),
                version: ::core::env!("CARGO_PKG_VERSION"),
            };
            $crate::__private::main(PROGRAM, $given, $prepare)
        }
    };
}
