/* Answers one text. */
#include <stdio.h>
#include "{{name}}.h"

static tt_classifier classifier;
static uint32_t memory[{{NAME}}_MEMORY / 4];

int main(void)
{
    tt_answer answer;
    char wrong[TT_ERROR_TEXT_BYTES];
    if (tt_open(&classifier, {{name}}, {{NAME}}_BYTES, memory, sizeof memory) != TT_OK) {
        tt_error_text(&classifier, wrong, sizeof wrong);
        puts(wrong);
        return 1;
    }
    tt_classify(&classifier, "slow, but superb", 16, &answer);
    printf("%s %u/10000\n", answer.rejected ? "?" : {{name}}_labels[answer.category], answer.probability);
    return 0;
}
