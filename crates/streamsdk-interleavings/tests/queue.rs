//! The queue of frames, over every order of its threads.

use streamsdk_interleavings::models::queue;

#[test]
fn a_thread_takes_each_frame_in_order() {
    queue::a_thread_takes_each_frame_in_order();
}

#[test]
fn a_task_takes_each_frame_in_order() {
    queue::a_task_takes_each_frame_in_order();
}

#[test]
fn what_makes_room_is_counted() {
    queue::what_makes_room_is_counted();
}

#[test]
fn stopping_ends_both_sides() {
    queue::stopping_ends_both_sides();
}
