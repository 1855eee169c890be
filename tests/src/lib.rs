//! Nothing but tests of igbcx.sys: `image/` reads it, `e2e*` run it in the lab.
