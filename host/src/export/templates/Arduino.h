/* What the example needs of Arduino's core, on standard input and output: compiles and runs the sketch without one.
 * The Arduino tools do not look into this folder. */
#ifndef ARDUINO_STAND_IN
#define ARDUINO_STAND_IN

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct StandIn {
    void begin(unsigned long) {}
    int read()
    {
        int next = getchar();
        if (next == EOF)
            exit(0);
        return next;
    }
    void print(const char *text) { fputs(text, stdout); }
    void print(char letter) { putchar(letter); }
    void print(unsigned long number) { printf("%lu", number); }
    void print(double number) { printf("%ld.%02ld", (long)number, (long)(number * 100) % 100); }
    void println(const char *text) { puts(text); }
};

static StandIn Serial;
inline void delay(unsigned long) {}

void setup();
void loop();

int main()
{
    setup();
    for (;;)
        loop();
}

#endif
