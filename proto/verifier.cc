#include "proto/verifier.h"
