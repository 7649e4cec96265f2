; System events in 32-bit mode.
%define BITS 32
%include "system.inc"
