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
    // An assignment is an expression too: a misspelt option must not be taken for a handler.
    ($other:ident = $($rest:tt)*) => {
        $crate::__main!(usage);
    };
    ($handler:expr $(,)?) => {
        $crate::__main!($crate::__private::Option::Some($crate::App::new($handler)), |app| app);
    };
    ($handler:expr, init = $init:expr $(,)?) => {
        $crate::__main!($crate::__private::Option::Some($crate::App::new($handler)), |app| { app.init($init) });
    };
    ($($other:tt)*) => {
        $crate::__main!(usage);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __main {
    (usage) => {
        ::core::compile_error!(
            "write `nanofaas::main!()`, `main!(my_crate::handle)`, `main!(init = connect)` or \
             `main!(my_crate::handle, init = connect)`"
        );
        // Without it the compiler would also miss a `main`.
        fn main() {}
    };
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
