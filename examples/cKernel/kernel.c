// A kernel in C: prints to COM1 and asks CPUID who is there. Break in countVowels, step over its lines, then step back.
#include <stdint.h>

volatile uint32_t vowels;

static void outByte(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void print(const char *text)
{
    for (; *text != '\0'; text++)
        outByte(0x3f8, *text);
}

static uint32_t countVowels(const char *text)
{
    uint32_t count = 0;
    for (; *text != '\0'; text++) {
        switch (*text) {
        case 'a': case 'e': case 'i': case 'o': case 'u':
            count++;
        }
    }
    return count;
}

// CPUID leaf 0 says the vendor in EBX, EDX, ECX. Under a hypervisor it exits: break on CPUID in the VM Exits view.
static void vendor(char *name)
{
    uint32_t eax = 0, ecx = 0;
    uint32_t *part = (uint32_t *)name;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(part[0]), "+c"(ecx), "=d"(part[1]));
    part[2] = ecx;
    name[12] = '\0';
}

void kernelMain(uint32_t magic, const uint32_t *information)
{
    static char name[16] __attribute__((aligned(4)));
    vendor(name);
    print("Hello from C on ");
    print(name);
    print(magic == 0x2badb002 && (information[0] & 1) ? ", loaded by multiboot\n" : "\n");
    vowels = countVowels("hypervisor and guest");
    outByte(0xf4, vowels);
}
