/* Works for as many rounds as its argument says, prints what came out, and then reads beyond its
   memory, which traps. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint32_t state = 2463534242u;

    for (uint64_t i = 0; i < rounds; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    printf("%u\n", (unsigned)state);
    fflush(stdout);

    /* The last bytes that an address can reach; the memory ends long before. */
    volatile unsigned char *beyond = (volatile unsigned char *)(uintptr_t)0xfffffff0u;
    return *beyond;
}
