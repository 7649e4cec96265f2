; System events in 64-bit mode.
%define BITS 64
%include "system.inc"
