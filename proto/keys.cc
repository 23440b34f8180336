#include "proto/keys.h"
