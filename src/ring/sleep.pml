/* SleepWord and EventCount of event_count.h as a Spin model: a bounded channel whose consumer sleeps when it finds nothing and whose
 * producers sleep when it is full. All interleavings, sequentially consistent memory. A lost wake is a state in which nobody
 * can go on, and Spin reports it as an invalid end state.
 *
 * The consumer sleeps idle, or drowsy with a wake position that will certainly be reached (so without its timer).
 * Planted faults: -DFAULT_NO_SECOND_LOOK (the consumer), -DFAULT_NO_SECOND_LOOK_FULL (a producer),
 * -DFAULT_NOTIFY_FIRST (room is told before it is made; shows with N=1). Run by tools/spin/run.
 */
#ifndef N
#define N 2
#endif
#ifndef P
#define P 2
#endif
#ifndef K
#define K 3
#endif
#define TOTAL (P * K)
#define AWAKE 255
#define IDLE 254        /* any other value is "drowsy until that position" */

bit published[TOTAL];
byte head = 0;
byte tail = 0;
byte sleep_word = AWAKE;
bit bell = 0;           /* the eventfd */
byte epoch = 0;         /* the event count's word: epoch * 2 + waiters */

inline wake_if_asleep(position) {
  do
  :: word = sleep_word;
    if
    :: word == IDLE || (word != AWAKE && position >= word) ->
      atomic {
        if
        :: sleep_word == word -> sleep_word = AWAKE; won = 1
        :: else -> won = 0
        fi
      };
      if
      :: won -> bell = 1; break
      :: else                                     /* look again */
      fi
    :: else -> break
    fi
  od
}

inline try_claim(position, claimed) {
  atomic {
    if
    :: tail - head < N -> position = tail; tail++; claimed = 1
    :: else -> claimed = 0
    fi
  }
}

/* Dead variables would only multiply the states. */
inline forget() { word = 0; ticket = 0; position = 0; won = 0; claimed = 0 }

proctype Producer() {
  byte k = 0, position, word, ticket;
  bit claimed, won;
  do
  :: k < K ->
    try_claim(position, claimed);
    if
    :: !claimed ->
      atomic { epoch = epoch | 1; ticket = epoch };
#ifndef FAULT_NO_SECOND_LOOK_FULL
      try_claim(position, claimed);
#endif
      if
      :: !claimed -> atomic { epoch != ticket; forget() }   /* asleep until the word changes */
      :: else
      fi
    :: else
    fi;
    if
    :: claimed -> published[position] = 1; wake_if_asleep(position); atomic { k++; forget() }
    :: else
    fi
  :: else -> break
  od
}

inline notify() {
  seen = epoch;
  if
  :: seen & 1 ->
    atomic {
      if
      :: epoch == seen -> epoch = (seen + 1) % 128
      :: else
      fi
    }
  :: else
  fi
}

inline sleep_until(position, state) {
  sleep_word = state;
#ifdef FAULT_NO_SECOND_LOOK
  bell -> bell = 0;
#else
  if
  :: published[position]
  :: else -> bell -> bell = 0
  fi;
#endif
  sleep_word = AWAKE
}

proctype Consumer() {
  byte seen;
  do
  :: head < TOTAL ->
    if
    :: published[head] ->
#ifdef FAULT_NOTIFY_FIRST
      notify(); seen = 0; head++
#else
      head++; notify(); seen = 0
#endif
    :: else ->
      if
      :: sleep_until(head, IDLE)
      :: head + 1 < TOTAL && N > 1 && tail > head + 1 -> sleep_until(head + 1, head + 1)
      fi
    fi
  :: else -> break
  od
}

init {
  atomic {
    byte i = 0;
    do
    :: i < P -> run Producer(); i++
    :: else -> break
    od;
    run Consumer()
  }
}
