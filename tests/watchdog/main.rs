//! What the watchdog does with processes that somebody else wrote, over real sockets and pipes.

mod agreement;
mod answers;
mod configuration;
mod crash;
mod disconnect;
mod envelope;
mod environment;
mod hostile;
mod isolation;
mod log_lines;
mod long_life;
mod modes;
mod one_shot;
mod output_limits;
mod pid1;
mod pipes;
mod queue;
mod readiness;
mod recycle;
mod secrets;
mod spawning;
mod stop;
mod time_out;
