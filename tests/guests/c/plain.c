/* Sorts the numbers on its standard input, one a line, and prints them with their mean. Knows
   nothing of Meterbox. */
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

int main(void)
{
    size_t count = 0, capacity = 16;
    long *numbers = malloc(capacity * sizeof *numbers);
    long long sum = 0;

    if (numbers == NULL)
        return 1;
    while (scanf("%ld", &numbers[count]) == 1) {
        sum += numbers[count];
        if (++count == capacity) {
            capacity *= 2;
            long *larger = realloc(numbers, capacity * sizeof *numbers);
            if (larger == NULL) {
                free(numbers);
                return 1;
            }
            numbers = larger;
        }
    }
    qsort(numbers, count, sizeof *numbers, ascending);
    for (size_t i = 0; i < count; i++)
        printf("%ld\n", numbers[i]);
    if (count > 0)
        printf("mean %.3f\n", (double)sum / (double)count);
    free(numbers);
    return 0;
}
