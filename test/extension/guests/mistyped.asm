bits 32
start:
        cli
        halt
