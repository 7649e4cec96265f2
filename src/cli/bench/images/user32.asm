; User code in 32-bit mode.
%define BITS 32
%include "user.inc"
