/* A guest without a C library: sorting, searching, matrices, and text. */

#define EXPORT __attribute__((visibility("default")))

static unsigned state;
static int numbers[2048];
static unsigned char text[4096];

static unsigned next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void sort(int *from, int *to)
{
    while (to - from > 1) {
        int pivot = from[(to - from) / 2];
        int *low = from, *high = to - 1;
        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                int kept = *low;
                *low++ = *high;
                *high-- = kept;
            }
        }
        sort(from, high + 1);
        from = low;
    }
}

EXPORT unsigned quicksort(unsigned count)
{
    unsigned sum = 0;
    count %= 2048;
    state = count;
    for (unsigned i = 0; i < count; i++)
        numbers[i] = (int)next() - (1 << 23);
    sort(numbers, numbers + count);
    for (unsigned i = 0; i < count; i++)
        sum = sum * 31 + (unsigned)numbers[i];
    return sum;
}

EXPORT unsigned sieve(unsigned limit)
{
    unsigned found = 0;
    limit %= sizeof text;
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = 1;
    for (unsigned i = 2; i < limit; i++) {
        if (!text[i])
            continue;
        found++;
        for (unsigned multiple = i * 2; multiple < limit; multiple += i)
            text[multiple] = 0;
    }
    return found;
}

EXPORT double relax(unsigned rounds)
{
    static double grid[18][18];
    for (int i = 0; i < 18; i++)
        for (int j = 0; j < 18; j++)
            grid[i][j] = i * j % 7;
    for (unsigned round = 0; round < rounds % 60; round++)
        for (int i = 1; i < 17; i++)
            for (int j = 1; j < 17; j++)
                grid[i][j] = 0.2 * (grid[i][j] + grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1]);
    return grid[7][9] / grid[3][4];
}

EXPORT unsigned words(unsigned bytes)
{
    unsigned counts[4] = {0, 0, 0, 0};
    int inside = 0;
    bytes %= sizeof text;
    state = 99;
    for (unsigned i = 0; i < bytes; i++)
        text[i] = (unsigned char)(next() % 5 ? 'a' + next() % 26 : ' ');
    for (unsigned i = 0; i < bytes; i++) {
        switch (text[i]) {
        case ' ':
            counts[0]++;
            inside = 0;
            break;
        case 'a': case 'e': case 'i': case 'o': case 'u':
            counts[1]++;
            /* A vowel begins a word as any other letter does. */
        default:
            counts[2] += !inside;
            inside = 1;
        }
    }
    return counts[0] ^ counts[1] << 10 ^ counts[2] << 20;
}

/* Divides by zero after some work, which WebAssembly traps. */
EXPORT int divides(int rounds)
{
    volatile int zero = rounds;
    int sum = 0;
    while (zero > 0) {
        sum += zero;
        zero = zero - 1;
    }
    return sum / zero;
}
