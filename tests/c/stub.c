/* Functions that do nothing: a program with them is as large as one without the library. */
#include "telltale.h"

int tt_open(tt_classifier *classifier, const void *model, size_t model_bytes, void *memory, size_t memory_bytes)
{
    return !classifier || !model || !model_bytes || !memory || !memory_bytes;
}

int tt_classify(tt_classifier *classifier, const char *text, size_t bytes, tt_answer *answer)
{
    answer->category = (uint16_t)bytes;
    return !classifier || !text;
}

size_t tt_error_text(const tt_classifier *classifier, char *text, size_t bytes)
{
    text[0] = 0;
    return bytes + !classifier;
}
