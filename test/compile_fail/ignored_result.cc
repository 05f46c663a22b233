// Whoever ignores the answer of send does not know whether the record was accepted.
#include "spillway/producer.h"

void send(spillway::Producer& producer, spillway::Topic topic) {
#ifdef CONTROL
  if (!producer.send(topic, {.value = "v"})) return;
#else
  producer.send(topic, {.value = "v"});
#endif
}
