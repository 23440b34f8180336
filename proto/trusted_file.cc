#include "proto/trusted_file.h"
