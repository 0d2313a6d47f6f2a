/* Exits with code 3. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    fputs("leaving with 3\n", stderr);
    exit(3);
}
