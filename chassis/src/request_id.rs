//! Every reply carries `X-Request-Id`: echoed when it is 1–128 visible ASCII characters, else new.
