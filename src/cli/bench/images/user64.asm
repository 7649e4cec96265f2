; User code in 64-bit mode.
%define BITS 64
%include "user.inc"
