#[derive(nanofaas::FunctionError)]
union OrderError {
    code: u32,
    other: f32,
}

fn main() {
    let _ = OrderError { code: 1 };
}
