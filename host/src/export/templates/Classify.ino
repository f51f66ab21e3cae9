// Answers each line that comes over the serial port: the label and how sure it is, then the words.
#include <{{name}}.h>

static tt_classifier classifier;
static uint32_t memory[{{NAME}}_MEMORY / 4];

void setup()
{
    Serial.begin(115200);
    if (tt_open(&classifier, {{name}}, {{NAME}}_BYTES, memory, sizeof memory) != TT_OK) {
        char wrong[TT_ERROR_TEXT_BYTES];
        tt_error_text(&classifier, wrong, sizeof wrong);
        for (;;) {
            Serial.println(wrong);
            delay(1000);
        }
    }
}

void loop()
{
    int next = Serial.read();
    if (next < 0)
        return;
    char byte = (char)next;
    if (byte != '\n') {
        tt_feed(&classifier, &byte, 1, NULL, NULL);
        return;
    }
    tt_answer answer;
    tt_finish(&classifier, NULL, NULL, &answer);
    Serial.print(answer.rejected ? "?" : {{name}}_labels[answer.category]);
    Serial.print(' ');
    Serial.print(answer.probability / 100.0);
    Serial.print(" % of ");
    Serial.print((unsigned long)answer.words);
    Serial.println(" words");
}
