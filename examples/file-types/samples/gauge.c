/* Reads a tide gauge's lines and prints their running mean. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 16

struct window {
    double values[WINDOW];
    size_t next;
    size_t count;
};

static void window_push(struct window *w, double value)
{
    w->values[w->next] = value;
    w->next = (w->next + 1) % WINDOW;
    if (w->count < WINDOW)
        w->count++;
}

static double window_mean(const struct window *w)
{
    double sum = 0.0;
    for (size_t i = 0; i < w->count; i++)
        sum += w->values[i];
    return w->count ? sum / (double)w->count : 0.0;
}

int main(int argc, char **argv)
{
    struct window window = { 0 };
    char line[128];
    FILE *in = stdin;

    if (argc > 1 && (in = fopen(argv[1], "r")) == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof line, in) != NULL) {
        char *end;
        double value = strtod(line, &end);
        if (end == line)
            continue;
        window_push(&window, value);
        printf("%.3f %.3f\n", value, window_mean(&window));
    }
    if (in != stdin)
        fclose(in);
    return EXIT_SUCCESS;
}
