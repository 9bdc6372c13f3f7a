//! The deliberate differences from the original operator: what it did wrong, done right. Each test
//! has the number of the difference that it shows.

mod agents;
mod logs;
mod options;
mod profilers;
