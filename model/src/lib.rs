//! A model of the way a coupon takes.
